/* What the program ends with; --help documents them. The numbers follow sysexits(3) where it has
 * one. */
#ifndef APP_EXIT_CODE_H
#define APP_EXIT_CODE_H

enum exit_code {
    EXIT_OK = 0,
    EXIT_CONFIG = 2,          /* the configuration is wrong */
    EXIT_REDIS_REQUIRED = 69, /* REDIS_REQUIRED is set and Redis cannot be used */
    EXIT_UNFINISHED = 70,     /* told to stop, but work was still under way at the deadline */
    EXIT_SYSTEM = 71,         /* no memory, threads or descriptors */
    EXIT_ADDRESS = 75,        /* the address cannot be listened on */
    EXIT_RUNNER = 78,         /* analyzers are configured, but proctrack-run is not installed */
};

#endif
