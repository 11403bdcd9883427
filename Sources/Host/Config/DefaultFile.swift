/// What `nexus config init` writes: every key with its default, explained.
public enum DefaultFile {
    public static let text = """
        # Configuration of Nexus. Every key is shown with its default; durations are in seconds.

        [server]
        host = "127.0.0.1"
        port = 8000                     # 0: any free port
        stream_keep_alive_seconds = 15  # a comment for the client of a stream in which nothing comes for so long; 0: none
        max_body_bytes = 33554432       # 32 MiB
        shutdown_timeout_seconds = 30   # how long running requests may go on after SIGTERM
        shutdown_delay_seconds = 0      # and before that, how long /readyz says no while connections are still accepted
        # tls_certificate = "/etc/nexus/cert.pem"   # 'nexus cert self-signed' makes a pair; a new one is taken when it changes
        # tls_key = "/etc/nexus/key.pem"
        # tls_client_ca = "/etc/nexus/operators.pem"    # who shows a certificate of this authority is an operator
        allowed_origins = []            # pages of other hosts that may use the clients' APIs, like "https://ops.example"
        hostnames = []                  # names with a dot under which browsers may reach it, like "nexus.example.org"
        allow_unauthenticated = false   # listen on other addresses than loopback without keys: all who reach it may use it
        # max_memory_bytes = 4294967296 # for requests and answers in memory, all together; default: a quarter of the machine's
        # max_connections_per_address = 500 # of one client; 0: as many as there are; default: half of them, this machine all

        [timeouts]                      # how long things may take at backends; 0: any time
        connect_seconds = 5             # until a connection is there, TCP and TLS together
        first_byte_seconds = 0          # from the request to the first byte of the answer's body; comments of a stream count
        gap_seconds = 120               # between two pieces of an answer
        total_seconds = 0               # from arrival to the end of the answer; never cuts a stream that gives pieces

        # [timeouts.models."llama3.3:70b"]  # the same keys for a model, or for a pattern with *
        # first_byte_seconds = 300
        # queue_seconds = 60            # for a place, in the place of queue.max_wait_seconds

        [upstream]
        # ca_file = "/etc/nexus/ca.pem" # authorities to trust at https backends, besides the system's

        [adapters]
        # directories = ["/usr/local/lib/nexus/adapters"]   # default: beside the executable, then the system's
        watch = true                    # follow the directories: a new, replaced or removed file takes effect at once
        quarantine_after = 3            # runs in a row that end by a crash in an adapter until it is left out; 0: never

        # [adapters.allow]              # with this table no other file is loaded, and none with other bytes:
        # "libOllama.so" = "..."        # the SHA-256, or several in an array; 'nexus adapter hash FILE' prints the line

        [health_check]
        enabled = true
        interval_seconds = 30
        retry_seconds = 2               # between two probes of a backend that is not healthy
        timeout_seconds = 5
        failure_threshold = 3           # failures in a row until a backend is unhealthy
        recovery_threshold = 2          # successes in a row until it is healthy again

        [breaker]                       # leaves a backend alone whose requests fail, as long as another can serve
        enabled = true
        failure_rate_percent = 50       # so many of the requests of a window must have failed (no 4xx is a failure)
        minimum_requests = 10           # and there must have been so many
        window_seconds = 30
        open_seconds = 5                # how long it is left alone; twice as long each time that it fails again soon
        max_open_seconds = 300
        half_open_requests = 3          # requests that try it then: when all went well it serves again

        [routing]
        strategy = "smart"              # or "round_robin", "least_loaded", "priority_only", "random"
        max_retries = 2                 # other backends tried before the first byte of an answer
        retry_budget_percent = 20       # retries of all requests together, of the requests of the last ten seconds
        retry_budget_minimum = 20       # retries in ten seconds that are allowed however few requests there are
        hedge = false                   # ask a second backend when the answer of a stream is late (see docs/routing.md)

        [routing.weights]               # what each part of the score of "smart" counts; docs/routing.md tells more
        priority = 50
        load = 30                       # requests that the server has to do
        latency = 20                    # how long its answers take to begin
        loaded = 25                     # the model is in its memory
        failures = 30                   # failures in a row
        errors = 30                     # the share of failures in five minutes

        [quality]
        # error_rate_exclude = 0.5      # a backend at which so many of a model's attempts failed in five minutes is asked
        #                               # for it only where no other can be

        [routing.aliases]
        # "gpt-4o-mini" = "llama3.2:3b"
        # "best" = ["llama3.3:70b", "llama3.2:3b"]          # in order: the next when one cannot be served
        # "pool" = [{ model = "a", weight = 3 }, { model = "b", backend = "vllm" }]     # by weight

        [routing.fallbacks]             # a model or alias = what to try when no backend can serve it
        # "llama3.3:70b" = ["llama3.2:3b"]

        [queue]                         # requests that find every place taken wait; docs/routing.md tells more
        enabled = true                  # false: they are answered with 503 at once
        max_size = 100                  # requests that may wait; one client may have half of them
        max_wait_seconds = 30
        # max_concurrent = 64           # requests under way at once, all backends together
        wait_for_restart = false        # wait also while a model's only backends are not healthy

        [queue.models]                  # the same for models; all that fit one pattern share its number
        # "llama3.3:70b" = 4
        # "gpt-*" = 16

        [dashboard]
        public = false                  # what it shows needs no sign-in, where there is an operator's key; what it changes does
        show_content = false            # operators may watch the text of requests under way; it is never kept

        [history]
        capacity = 100                  # in memory
        # database = "/path/history.db" # keeps them over restarts; "" keeps nothing; default: in the state directory
        keep_days = 90                  # 0: for ever
        keep_bytes = 1073741824

        [captures]                      # bodies of requests and answers, to look for a fault (docs/captures.md)
        enabled = false
        # keys = ["app"]                # of clients with these keys, by name or pattern; left out: all
        # models = ["llama*"]           # for these models
        errors_only = false             # only of requests that fail
        max_body_bytes = 65536          # of each body; the rest is cut
        max_count = 1000
        keep_days = 7                   # 0: as long as there is room
        keep_bytes = 268435456
        # redact = ["messages.*.content", "**.password"]    # what of a body is not kept
        # key_env = "NEXUS_CAPTURES_KEY" # a variable with 64 hexadecimal digits (openssl rand -hex 32) encrypts them
        # database = "/path/captures.db" # default: in the state directory

        [logging]
        level = "info"                  # trace, debug, info, notice, warning, error, critical
        format = "pretty"               # or "json"
        requests = "all"                # a line for each request that has ended; or "errors", "none"

        # [logging.levels]              # of components that have a level of their own: gateway, backends, requests, routing,
        # routing = "debug"             # adapters, connections, operators, history, tracing (docs/logging.md)

        [tracing]                       # traces for a collector of OpenTelemetry's (docs/tracing.md)
        # otlp = "http://127.0.0.1:4318" # where it takes OTLP over HTTP; left out or "": nothing is traced
        sample_ratio = 1.0              # share of the traces that begin here; a caller that traces decides for itself
        service_name = "nexus"

        # One table for each key; 'nexus keys' keeps its own in keys.toml. With any, every client needs one (docs/access.md).
        # [[keys]]
        # name = "app"
        # hash = "sha256:..."           # of the key: printf %s "$KEY" | sha256sum
        # role = "client"               # or "operator"
        # expires = "2027-12-31"        # the last day, or an instant
        # models = ["llama*"]           # that it may use, by name or pattern; left out: all
        # backends = ["local"]
        # requests_per_minute = 60
        # requests_per_day = 10000
        # tokens_per_minute = 100000    # of prompts and answers together
        # tokens_per_day = 5000000
        # max_concurrent = 4
        # max_priority = "normal"       # what it asks for above that is taken for that

        # One table for each backend. Without any, servers at the default addresses of this machine are looked for.
        # [[backends]]
        # name = "local"
        # type = "openai"               # an adapter's type ('nexus adapters list'), or vllm, lmstudio, llamacpp, generic, ...
        # url = "http://127.0.0.1:8080"
        # priority = 50                 # lower wins
        # api_key_env = "LOCAL_API_KEY" # the environment variable that holds the key, or a list of them
        # max_concurrent = 8
        # enabled = true                # false: it is drained, and takes no requests
        # secret_options = ["login.pin"] # options whose values are hidden wherever the server repeats them, besides those
        #                               # that the adapter names (headers of "openai") and variables of options named *_env
        # [backends.timeouts]           # the keys of [timeouts], where this backend's are to be others; and queue_seconds
        # first_byte_seconds = 20
        # [backends.timeouts.models."*:70b"]    # the same for models at this backend
        # gap_seconds = 600
        # [backends.options]            # what the adapter takes

        """
}
