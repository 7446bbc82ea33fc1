/* The endpoints' start functions, for the route table. On the loop's thread. */
#ifndef HTTP_ENDPOINTS_H
#define HTTP_ENDPOINTS_H

struct http_call;

void ep_analyze(struct http_call *call);
void ep_status(struct http_call *call);
void ep_status_many(struct http_call *call);
void ep_feed(struct http_call *call);
void ep_result(struct http_call *call);
void ep_cleanup(struct http_call *call);
void ep_process_list(struct http_call *call);
void ep_process_cancel(struct http_call *call);
void ep_process_retry(struct http_call *call);
void ep_process_remove(struct http_call *call);
void ep_claim(struct http_call *call);
void ep_heartbeat(struct http_call *call);
void ep_progress(struct http_call *call);
void ep_complete(struct http_call *call);
void ep_fail(struct http_call *call);
void ep_release(struct http_call *call);
void ep_process_events(struct http_call *call);
void ep_batch(struct http_call *call);
void ep_bulk_cancel(struct http_call *call);
void ep_bulk_retry(struct http_call *call);
void ep_group(struct http_call *call);
void ep_group_cancel(struct http_call *call);
void ep_group_retry(struct http_call *call);
void ep_types(struct http_call *call);
void ep_type_pause(struct http_call *call);
void ep_type_resume(struct http_call *call);
void ep_workers(struct http_call *call);
void ep_admin_snapshot(struct http_call *call);
void ep_admin_audit(struct http_call *call);
void ep_stats(struct http_call *call);
void ep_metrics(struct http_call *call);
void ep_healthz(struct http_call *call);
void ep_readyz(struct http_call *call);
void ep_version(struct http_call *call);
void ep_openapi(struct http_call *call);

#endif
