/// A parser of bytes from outside, and what must hold of it whatever the bytes are: it does not trap, what it gives is bounded,
/// a stream means the same however it is cut, and what it reads again after writing it is the same.
public struct FuzzTarget: Sendable, CustomStringConvertible {
    /// Names the folder of its inputs below Tests/Fuzz/Corpus, too.
    public let name: String
    private let body: @Sendable ([UInt8]) throws(Broken) -> Void

    init(_ name: String, _ body: @escaping @Sendable ([UInt8]) throws(Broken) -> Void) {
        self.name = name
        self.body = body
    }

    public var description: String { name }

    /// Bytes of an input that are looked at.
    public static let limit = 64 * 1024

    /// Runs the parser on one input, on the caller's thread. What traps ends the process.
    public func check(_ input: [UInt8]) throws(Broken) { try body(Array(input.prefix(Self.limit))) }

    /// In the order of the documentation.
    public static let all = [
        requestHead, responseHead, chunked, requestBody, form, json, eventStream, lines, translation, answers,
        webSocket,
        configuration, signature, abi, session, query, coding, trace, names, servers,
    ]

    public static func named(_ name: String) -> FuzzTarget? { all.first { $0.name == name } }
}
