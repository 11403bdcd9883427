import Core
import SQLite

extension StoreReader {
    /// Series of days, weeks and months, made of the file's minutes.
    /// - Parameters:
    ///   - query: its own window does not count.
    ///   - now: Unix seconds.
    public func series(
        _ query: SeriesQuery, over window: StoredWindow, now: Int64
    ) throws(StoreProblem) -> SeriesList {
        guard version >= 2 else { throw .older(found: version) }
        connection.deadline = Clock.monotonicNanoseconds() + UInt64(StoreLimits.seriesMilliseconds) * 1_000_000
        defer { connection.deadline = nil }
        do throws(SQLiteError) {
            return try read(query, over: window, now: now)
        } catch {
            throw error.isInterrupted ? .tooSlow : .sqlite(error)
        }
    }

    private func read(
        _ query: SeriesQuery, over window: StoredWindow, now: Int64
    ) throws(SQLiteError) -> SeriesList {
        let minutes = window.minutes(at: now)
        let table: MinuteSums.Table = window.step.isMultiple(of: 3600) ? .hours : .minutes
        var conditions = "minute >= \(minutes.lowerBound) AND minute < \(minutes.upperBound)"
        if query.backend != nil { conditions += " AND backend = ?" }
        if query.model != nil { conditions += " AND model = ?" }
        func bind(_ statement: SQLiteStatement) {
            if let backend = query.backend { statement.bind(backend) }
            if let model = query.model { statement.bind(model) }
        }
        let name =
            switch query.grouping {
            case .total: "''"
            case .backend: "backend"
            case .model: "model"
            }
        var volumes: [StoredSeries.Volume] = []
        let sums = try connection.prepare(
            "SELECT \(name), total(requests), total(failed_attempts) FROM \(table.rawValue) WHERE \(conditions) GROUP BY 1"
        )
        bind(sums)
        while try sums.step() {
            let volume = StoredSeries.Volume(
                name: sums.text(0), requests: Self.whole(sums.double(1)), failedAttempts: Self.whole(sums.double(2)))
            volumes.append(volume)
        }
        let first = try connection.integer("SELECT minute FROM \(table.rawValue) ORDER BY minute LIMIT 1")
        var series = StoredSeries(query, over: window, volumes: volumes, firstMinute: first, now: now)
        let rows = try connection.prepare(
            "SELECT \(MinuteSums.selection) FROM \(table.rawValue) WHERE \(conditions) ORDER BY minute")
        bind(rows)
        let quantiles = query.metrics.contains(where: \.isQuantile)
        while try rows.step() {
            let (key, sums) = MinuteSums.read(rows, quantiles: quantiles)
            series.add(sums, of: key)
        }
        return series.finish()
    }

    private static func whole(_ sum: Double) -> UInt64 { UInt64(sum.whole(in: 0...Int(Tally.limit))) }

    /// The newest requests of that id, as many as may be of interest; the newest first.
    public func entries(requestID: String) throws(StoreProblem) -> [StoredEntry] {
        guard version >= 2 else { throw .older(found: version) }
        do throws(SQLiteError) {
            let rows = try connection.prepare(
                "SELECT \(EntryRow.selection) FROM requests INDEXED BY requests_request_id "
                    + "WHERE request_id = ? ORDER BY id DESC LIMIT \(StoreLimits.sameID)")
            rows.bind(requestID)
            var entries: [StoredEntry] = []
            while try rows.step() { entries.append(EntryRow.read(rows)) }
            return entries
        } catch {
            throw .sqlite(error)
        }
    }
}
