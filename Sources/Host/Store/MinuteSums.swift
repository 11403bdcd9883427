import Core
import SQLite

/// How sums of minutes, and of hours (`KeptMinute`), become rows of the tables of these names, and rows sums.
enum MinuteSums {
    /// A month has tens of thousands of minutes, and as many rows for each model: where steps are hours, hours are read.
    enum Table: String, CaseIterable {
        case minutes
        case hours

        var minutes: Int64 { self == .hours ? 60 : 1 }
    }

    /// Adds what entries make of their minutes to what the file has.
    static func write(_ entries: [HistoryEntry], to connection: SQLiteConnection) throws(SQLiteError) {
        guard !entries.isEmpty else { return }
        let sums = KeptMinute.sums(of: entries)
        for table in Table.allCases { try write(KeptMinute.joined(sums, minutes: table.minutes), table, connection) }
    }

    private static func write(
        _ sums: [KeptMinute.Key: KeptMinute], _ table: Table, _ connection: SQLiteConnection
    ) throws(SQLiteError) {
        let before = try connection.prepare(
            "SELECT duration_buckets, first_token_buckets FROM \(table.rawValue) WHERE minute = ? AND backend = ? AND model = ?"
        )
        let statement = try connection.prepare(
            """
            INSERT INTO \(table.rawValue) (minute, backend, model, durations, duration_buckets, first_token_buckets, requests, errors,
            refused, failed_attempts, duration_ms, first_tokens, first_token_ms, prompt_tokens, completion_tokens,
            cached_tokens, timed_tokens, generation_seconds, told)
            VALUES (?, ?, ?, '', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET
            duration_buckets = excluded.duration_buckets, first_token_buckets = excluded.first_token_buckets,
            requests = requests + excluded.requests, errors = errors + excluded.errors, refused = refused + excluded.refused,
            failed_attempts = failed_attempts + excluded.failed_attempts, duration_ms = duration_ms + excluded.duration_ms,
            first_tokens = first_tokens + excluded.first_tokens, first_token_ms = first_token_ms + excluded.first_token_ms,
            prompt_tokens = prompt_tokens + excluded.prompt_tokens,
            completion_tokens = completion_tokens + excluded.completion_tokens,
            cached_tokens = cached_tokens + excluded.cached_tokens, timed_tokens = timed_tokens + excluded.timed_tokens,
            generation_seconds = generation_seconds + excluded.generation_seconds, told = told | excluded.told
            """)
        for (key, sums) in sums {
            var (durations, firstTokens) = (sums.durations, sums.firstTokenTimes)
            before.reset()
            bind(key, to: before)
            if try before.step() {
                durations.merge(KeptBuckets(before.text(0).utf8))
                firstTokens.merge(KeptBuckets(before.text(1).utf8))
            }
            before.reset()
            bind(key, to: statement)
            statement.bind(durations.text)
            statement.bind(firstTokens.text)
            let whole = [
                sums.requests, sums.errors, sums.refused, sums.failedAttempts, sums.milliseconds, sums.firstTokens,
                sums.firstTokenMilliseconds, sums.promptTokens, sums.completionTokens, sums.cachedTokens,
            ]
            for sum in whole { statement.bind(sum.value) }
            statement.bind(sums.timedTokens)
            statement.bind(sums.generationSeconds)
            statement.bind(Int(sums.told))
            try statement.run()
        }
    }

    private static func bind(_ key: KeptMinute.Key, to statement: SQLiteStatement) {
        statement.bind(key.minute)
        statement.bind(key.backend)
        statement.bind(key.model)
    }

    /// Of rows that `read` takes.
    static let selection =
        "minute, backend, model, requests, errors, refused, failed_attempts, prompt_tokens, completion_tokens, "
        + "cached_tokens, timed_tokens, generation_seconds, told, duration_buckets, first_token_buckets"

    /// What series are made of.
    /// - Parameter quantiles: false: they are not wanted, and what they take is not read.
    static func read(_ row: SQLiteStatement, quantiles: Bool) -> (key: KeptMinute.Key, sums: KeptMinute) {
        var sums = KeptMinute()
        sums.requests = Tally(row.unsigned(3))
        sums.errors = Tally(row.unsigned(4))
        sums.refused = Tally(row.unsigned(5))
        sums.failedAttempts = Tally(row.unsigned(6))
        sums.promptTokens = Tally(row.unsigned(7))
        sums.completionTokens = Tally(row.unsigned(8))
        sums.cachedTokens = Tally(row.unsigned(9))
        // Of a file that anybody may have written.
        sums.timedTokens = row.double(10).isFinite ? max(0, row.double(10)) : 0
        sums.generationSeconds = row.double(11).isFinite ? max(0, row.double(11)) : 0
        sums.told = UInt8(truncatingIfNeeded: row.integer(12))
        if quantiles {
            sums.durations = KeptBuckets(row.text(13).utf8)
            sums.firstTokenTimes = KeptBuckets(row.text(14).utf8)
        }
        return (KeptMinute.Key(minute: row.integer(0), backend: row.text(1), model: row.text(2)), sums)
    }
}
