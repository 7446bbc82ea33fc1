/* What the program ends with; --help documents them. The numbers follow sysexits(3) where it has
 * one. */
#ifndef APP_EXIT_CODE_H
#define APP_EXIT_CODE_H

enum exit_code {
    EXIT_OK = 0,
    EXIT_UNHEALTHY = 1,       /* --healthcheck: the server does not answer, or not well */
    EXIT_CONFIG = 2,          /* the configuration is wrong */
    EXIT_DAMAGED = 65,        /* files in DATA_DIR, or what is exported or imported, are damaged */
    EXIT_REDIS_REQUIRED = 69, /* Redis cannot be used, and REDIS_REQUIRED is set */
    EXIT_UNFINISHED = 70,     /* told to stop, but work was still under way at the deadline */
    EXIT_SYSTEM = 71,         /* no memory, threads or descriptors */
    EXIT_LOCKED = 73,         /* another instance uses DATA_DIR */
    EXIT_STORAGE = 74,        /* DATA_DIR cannot be made, read or written */
    EXIT_ADDRESS = 75,        /* the address, or a passed socket, cannot be listened on */
    EXIT_RUNNER = 78,         /* analyzers are configured, but proctrack-run is not installed */
};

#endif
