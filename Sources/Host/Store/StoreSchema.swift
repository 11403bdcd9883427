import SQLite

/// What the tables look like, and how older files become like that.
enum StoreSchema {
    /// "NXS1": tells this file from databases of other programs.
    static let application: Int64 = 0x4E58_5331

    /// The version of a file is the number of these that it has been through. Only ever appended to.
    static let migrations = [
        """
        CREATE TABLE requests (
            id INTEGER PRIMARY KEY, ended INTEGER NOT NULL, instance TEXT NOT NULL, started INTEGER NOT NULL,
            seq INTEGER NOT NULL, request_id TEXT NOT NULL, model TEXT NOT NULL, known_model TEXT, backend TEXT NOT NULL,
            key TEXT, failed INTEGER NOT NULL, code INTEGER NOT NULL, duration_ms INTEGER NOT NULL, ttft_ms INTEGER,
            prompt_tokens INTEGER, completion_tokens INTEGER, cached_tokens INTEGER, tokens_estimated INTEGER NOT NULL,
            tokens_per_second REAL, endpoint TEXT NOT NULL, client TEXT NOT NULL, request_bytes INTEGER NOT NULL,
            answer_bytes INTEGER NOT NULL, attempts INTEGER NOT NULL, stream INTEGER NOT NULL, error TEXT, route TEXT);
        CREATE INDEX requests_model ON requests (model);
        CREATE INDEX requests_known_model ON requests (known_model) WHERE known_model IS NOT NULL;
        CREATE INDEX requests_backend ON requests (backend);
        CREATE INDEX requests_key ON requests (key) WHERE key IS NOT NULL;
        CREATE INDEX requests_failed ON requests (failed) WHERE failed = 1;
        CREATE TABLE figures (
            scope TEXT NOT NULL, name TEXT NOT NULL, at INTEGER NOT NULL, numbers TEXT NOT NULL,
            PRIMARY KEY (scope, name)) WITHOUT ROWID;
        CREATE TABLE minutes (
            minute INTEGER NOT NULL, backend TEXT NOT NULL, model TEXT NOT NULL, requests INTEGER NOT NULL,
            errors INTEGER NOT NULL, duration_ms INTEGER NOT NULL, first_tokens INTEGER NOT NULL,
            first_token_ms INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
            durations TEXT NOT NULL, PRIMARY KEY (minute, backend, model)) WITHOUT ROWID;
        CREATE TABLE audit (
            id INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, address TEXT NOT NULL,
            command TEXT NOT NULL, result TEXT NOT NULL);
        """,
        // `durations` was as good as the buckets of metrics, and is not written any more. No version had ever filled `audit`.
        """
        ALTER TABLE minutes ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE minutes ADD COLUMN failed_attempts INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE minutes ADD COLUMN cached_tokens INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE minutes ADD COLUMN timed_tokens REAL NOT NULL DEFAULT 0;
        ALTER TABLE minutes ADD COLUMN generation_seconds REAL NOT NULL DEFAULT 0;
        ALTER TABLE minutes ADD COLUMN told INTEGER NOT NULL DEFAULT 3;
        ALTER TABLE minutes ADD COLUMN duration_buckets TEXT NOT NULL DEFAULT '';
        ALTER TABLE minutes ADD COLUMN first_token_buckets TEXT NOT NULL DEFAULT '';
        CREATE TABLE hours (
            minute INTEGER NOT NULL, backend TEXT NOT NULL, model TEXT NOT NULL, requests INTEGER NOT NULL,
            errors INTEGER NOT NULL, duration_ms INTEGER NOT NULL, first_tokens INTEGER NOT NULL,
            first_token_ms INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
            durations TEXT NOT NULL, refused INTEGER NOT NULL, failed_attempts INTEGER NOT NULL,
            cached_tokens INTEGER NOT NULL, timed_tokens REAL NOT NULL, generation_seconds REAL NOT NULL,
            told INTEGER NOT NULL, duration_buckets TEXT NOT NULL, first_token_buckets TEXT NOT NULL,
            PRIMARY KEY (minute, backend, model)) WITHOUT ROWID;
        INSERT INTO hours SELECT minute / 60 * 60, backend, model, sum(requests), sum(errors), sum(duration_ms),
            sum(first_tokens), sum(first_token_ms), sum(prompt_tokens), sum(completion_tokens), '', 0, 0, 0, 0, 0, 3, '', ''
            FROM minutes GROUP BY 1, 2, 3;
        CREATE INDEX requests_request_id ON requests (request_id);
        DROP TABLE audit;
        CREATE TABLE audit (
            id INTEGER PRIMARY KEY, ended REAL NOT NULL, instance TEXT NOT NULL, seq INTEGER NOT NULL, key TEXT,
            certificate TEXT, session INTEGER NOT NULL, client TEXT NOT NULL, command TEXT NOT NULL,
            status INTEGER NOT NULL, problem TEXT);
        """,
    ]

    static var version: Int64 { Int64(migrations.count) }

    /// Makes the file what this version needs, or says why it is not used.
    static func prepare(_ connection: SQLiteConnection) throws {
        let found = try check(connection)
        guard found < version else { return }
        if found == 0 {
            // Before the first table, or never: it lets a file shrink in small steps.
            try connection.run("PRAGMA auto_vacuum = INCREMENTAL")
        }
        try connection.run("PRAGMA journal_mode = WAL")
        for (index, script) in migrations.enumerated().dropFirst(Int(found)) {
            try connection.transaction { () throws(SQLiteError) in
                try connection.run(script)
                try connection.run("PRAGMA application_id = \(application); PRAGMA user_version = \(index + 1)")
            }
        }
    }

    /// - Returns: the version of the file; 0: it is empty.
    static func check(_ connection: SQLiteConnection) throws -> Int64 {
        let found = try connection.integer("PRAGMA user_version") ?? 0
        let owner = try connection.integer("PRAGMA application_id") ?? 0
        if owner != application {
            let tables = try connection.integer("SELECT count(*) FROM sqlite_schema") ?? 0
            guard owner == 0, found == 0, tables == 0 else { throw StoreProblem.foreign }
            return 0
        }
        guard found <= version else { throw StoreProblem.newer(found: found) }
        return found
    }
}
