import Core
import SQLite

/// Totals and what was learnt, as the file has them.
enum FigureTable {
    /// Seconds after which what was learnt of a model is not believed any more.
    static let learntFor: Int64 = 30 * 24 * 3600

    /// Rows that are read: as many as the gateway may have figures of.
    private static func limit(_ scope: KeptFigure.Scope) -> Int {
        switch scope {
        case .total, .others: 1
        case .model: ExchangeFigures.modelLimit
        case .backend: ExchangeFigures.backendLimit
        case .estimate: TokenEstimate.limit
        case .key: Keyring.Limits.keys + Keyring.Limits.gone
        case .answerTime: KeptFigure.timesLimit
        case .lateness: FirstTokenTimes.limit
        }
    }

    static func write(_ figures: [KeptFigure], to connection: SQLiteConnection, at now: Int64) throws(SQLiteError) {
        let statement = try connection.prepare("INSERT OR REPLACE INTO figures VALUES (?, ?, ?, ?)")
        for figure in figures {
            statement.bind(figure.scope.rawValue)
            statement.bind(figure.name)
            statement.bind(now)
            statement.bind(figure.numbers.map { "\($0)" }.joined(separator: " "))
            try statement.run()
        }
    }

    /// - Parameter now: Unix seconds.
    static func read(_ connection: SQLiteConnection, now: Int64) throws(SQLiteError) -> [KeptFigure] {
        // What was heard of longest ago comes first, and is not read where there is too much.
        let rows = try connection.prepare(
            "SELECT name, at, numbers FROM (SELECT * FROM figures WHERE scope = ? ORDER BY at DESC LIMIT ?) ORDER BY at"
        )
        var figures: [KeptFigure] = []
        for scope in KeptFigure.Scope.allCases {
            rows.reset()
            rows.bind(scope.rawValue)
            rows.bind(limit(scope))
            while try rows.step() {
                if scope.isLearnt, rows.integer(1) < now - learntFor { continue }
                let numbers = rows.text(2).split(separator: " ").map { Double($0) ?? 0 }
                figures.append(KeptFigure(scope: scope, name: rows.text(0), numbers: numbers))
            }
        }
        return figures
    }

    /// Deletes what was learnt so long ago that nobody believes it.
    static func retain(_ connection: SQLiteConnection, now: Int64) throws(SQLiteError) {
        let scopes = KeptFigure.Scope.allCases.filter(\.isLearnt).map { "'\($0.rawValue)'" }
        try connection.run(
            "DELETE FROM figures WHERE scope IN (\(scopes.joined(separator: ", "))) AND at < \(now - learntFor)")
    }
}
