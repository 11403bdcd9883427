@testable import Core
@testable import Gateway

extension FuzzTarget {
    /// Cookies of sessions: the value of a Cookie field, or the token in it.
    static let session = FuzzTarget("session") { bytes throws(Broken) in
        let seal = SessionSeal()
        let header = text(bytes)
        let now: Int64 = 1_800_000_000
        for token in [header, SessionCookie.value(of: SessionCookie.name, in: header) ?? ""] {
            try require(seal.session(token, wall: now) == nil, "a cookie that was not made here is taken: \(token)")
            try require(!seal.confirms(Array(token.utf8), token: token), "a token confirms itself")
        }
        // Names of keys are printable ASCII without spaces.
        let name = String(
            decoding: bytes.filter { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }.prefix(64), as: UTF8.self)
        guard !name.isEmpty else { return }
        let session = Session(key: name, fingerprint: "f", ends: now + 1, number: Cutting.hash(bytes))
        let token = seal.token(session)
        try require(seal.session(token, wall: now) == session, "a session is read as another")
        try require(seal.session(token, wall: now + 1) == nil, "a session outlives its end")
        try require(
            SessionCookie.value(of: SessionCookie.name, in: "a=b; \(SessionCookie.name)=\(token); c=d") == token,
            "the cookie is lost")
        // One letter more, less or other than what was made.
        var altered = Array(token.utf8)
        let place = Int(Cutting.hash(bytes) % UInt64(altered.count))
        altered[place] = altered[place] == 0x30 ? 0x31 : 0x30
        let other = text(altered)
        try require(other == token || seal.session(other, wall: now) == nil, "an altered cookie is taken: \(other)")
    }

    /// Queries of the gateway's own routes, and paths.
    static let query = FuzzTarget("query") { bytes throws(Broken) in
        let query = text(bytes)
        var filter = HistoryFilter()
        for (name, value) in QueryValues(query).all {
            do throws(HistoryFilter.Problem) {
                _ = try filter.set(name, value)
            } catch {
                try require(error.message.utf8.count <= 512, "a message of \(error.message.utf8.count) bytes")
            }
            _ = QueryValues.shown(name)
        }
        try StoredQuestion.ask(filter)
        _ = WebSocketQuery(query)
        try require(AuditQuery.shown(query).utf8.count <= query.utf8.count + 32, "a note is longer than what is noted")
        // What is written as forms do is read as it was.
        guard !bytes.isEmpty, String(validating: bytes, as: UTF8.self) != nil else { return }
        let escaped = bytes.map { byte in
            let digits = String(byte, radix: 16, uppercase: true)
            return "%" + (digits.count == 1 ? "0" : "") + digits
        }.joined()
        let all = QueryValues("a=" + escaped + "&b=1").all
        try require(all.count == 2 && all[0].value == query && all[1].value == "1", "a value is read as \(all)")
    }
}
