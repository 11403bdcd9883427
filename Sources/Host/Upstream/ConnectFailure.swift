/// Words for what kept a connection from being made.
enum ConnectFailure {
    static func describe(_ error: any Error) -> String { ErrorWords.describe(error) }
}
