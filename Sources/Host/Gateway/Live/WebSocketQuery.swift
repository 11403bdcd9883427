import Core

/// The query of `/ws`.
struct WebSocketQuery: Equatable {
    /// `after=N`: the sequence number of the newest history entry the page has.
    var after: UInt64?
    /// `instance=ID`: the gateway that gave the number, as history entries name it.
    var instance: Substring?
    /// Of `updates=A,B`, which may have several values, `deltas`: what changed, rather than all backends at each change.
    var form = Feed.Form.pictures
    /// `updates=requests`: also the exchanges under way.
    var watchesRequests = false
    /// `updates=trouble`: also what is wrong.
    var watchesTrouble = false
    /// `watch=EXCHANGE`: nothing but the text of that exchange.
    var watched: String?

    init(_ query: String) {
        for part in query.split(separator: "&") {
            if part.hasPrefix("after=") {
                after = after ?? UInt64(part.dropFirst("after=".count))
            } else if part.hasPrefix("instance=") {
                instance = instance ?? part.dropFirst("instance=".count)
            } else if part.hasPrefix("watch=") {
                watched = watched ?? PercentCoding.decoded(part.dropFirst("watch=".count)) ?? ""
            } else if part.hasPrefix("updates="), let words = PercentCoding.decoded(part.dropFirst("updates=".count)) {
                for word in words.split(separator: ",") {
                    if word == "deltas" { form = .deltas }
                    if word == "requests" { watchesRequests = true }
                    if word == "trouble" { watchesTrouble = true }
                }
            }
        }
    }
}
