#!/bin/sh
# A worker in POSIX shell with curl. It takes processes of the type word-count, whose input is
# {"text": "…", "pause_seconds": 1}, and counts the words line by line, with the pause before each.
#
#   PROCTRACK_URL=http://127.0.0.1:8080 WORKER=shell-1 ./worker.sh
#
# TERM or INT: it hands back what it holds and ends, an idle one when its claim is answered
# (WAIT_SECONDS); a second one ends it at once. It takes one process at a time, so that sed finds id
# and token in the answer, which the server writes without blanks. Where input or metadata may have a
# member "lease_token" of their own, use a JSON parser.
set -u
url=${PROCTRACK_URL:-http://127.0.0.1:8080} worker=${WORKER:-$(uname -n)/$$}
lease=${LEASE_SECONDS:-60} wait=${WAIT_SECONDS:-10} stopping=
beat=$((lease / 3 < wait ? lease / 3 : wait))
scratch=$(mktemp -d) || exit 1
trap 'rm -rf -- "$scratch"' EXIT
trap 'stopping=yes; trap - TERM INT' TERM INT

# post PATH BODY: sets $answer to what came, a blank, and the status. Sends again what got no
# answer, 503 (not reachable) or 507 (storage full): each of these calls may be repeated.
post()
{
    until answer=$(printf '%s' "$2" | curl -s -m "$((wait + 30))" -w ' %{http_code}' \
        -H 'Content-Type: application/json' --data-binary @- "$url$1") &&
        [ "${answer##* }" != 503 ] && [ "${answer##* }" != 507 ]; do
        if [ "$1$stopping" = /claimyes ] || ! kill -0 "$$" 2>/dev/null; then exit; fi
        sleep 1
    done
}

# report KIND [MEMBERS]: on the process at hand. A cancel request, and that somebody else holds the
# lease, leave a file that ends the work.
report()
{
    post "/processes/$id/$1" "{\"lease_token\":\"$token\"${2-}}"
    case $answer in
    *'"cancel_requested":true'* | *' 4'??) touch "$scratch/$token" 2>/dev/null ;;
    esac
}

# In the background until the process is no longer ours, or the worker was killed. The answer comes
# after $beat seconds, or as soon as a cancel is requested.
heartbeats()
{
    while kill -0 "$$" 2>/dev/null && [ ! -e "$scratch/$token" ]; do
        report heartbeat ",\"lease_seconds\":$lease,\"wait_seconds\":$beat"
        sleep 1
    done
}

# member NAME PATTERN: its value, the last one of that name in the answer.
member()
{
    (printf '%s' "$answer" | tr '\n' ' ' && echo) | sed -nE "s/.*\"$1\" *: *($2).*/\\1/p"
}

# The work itself, on the lines of input.text: fails when it was told to stop.
count_words()
{
    words=0 step=0 steps=$(wc -l <"$scratch/text") pause=$(member pause_seconds '[0-9.]+')
    while read -r line; do
        sleep "${pause:-0}"
        if [ -n "$stopping" ] || [ -e "$scratch/$token" ]; then return 1; fi
        words=$((words + $(printf '%s\n' "$line" | wc -w))) step=$((step + 1))
        report progress ",\"lease_seconds\":$lease,\"percent\":$((100 * step / steps)),
            \"step\":$step,\"steps\":$steps"
    done <"$scratch/text"
}

while [ -z "$stopping" ]; do
    post /claim "{\"types\":[\"word-count\"],\"worker\":\"$worker\",\"lease_seconds\":$lease,
        \"wait_seconds\":$wait}"
    case $answer in
    *' 200') ;;
    *' 204') sleep 1 && continue ;;
    *) printf '%s\n' "$answer" >&2 && exit 1 ;;
    esac
    id=${answer#*'"process_id":"'} token=${answer#*'"lease_token":"'}
    id=${id%%'"'*} token=${token%%'"'*}
    # Only words and lines count here: any other escaped character is as good as an x.
    member text '"([^"\\]|\\.)*"' | sed -e 's/\\[\\"]/x/g' -e 's/"//g' -e 's/\\[tr]/ /g' \
        -e 's/\\n/\
/g' >"$scratch/text"
    heartbeats &
    if [ ! -s "$scratch/text" ]; then
        report fail ',"code":"bad_input","message":"input.text must be a string","retryable":false'
    elif count_words; then
        report complete ",\"result\":{\"words\":$words,\"lines\":$steps}"
    else
        report release
    fi
done
