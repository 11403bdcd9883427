import NIOCore

/// How little is lost when a connection is closed to make room for another: the least compares lowest.
struct Idleness: Comparable {
    enum Kind: Int {
        /// Nobody that has said anything, or somebody that was refused.
        case stranger
        /// A client that may send its next request.
        case client
        /// A request that does not go on.
        case halfRequest
    }

    let kind: Kind
    let since: NIODeadline

    init(_ kind: Kind, since: NIODeadline) {
        self.kind = kind
        self.since = since
    }

    static func < (left: Idleness, right: Idleness) -> Bool {
        (left.kind.rawValue, left.since) < (right.kind.rawValue, right.since)
    }
}
