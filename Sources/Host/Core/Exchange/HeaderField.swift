/// A header field that passes from a client to a backend or back: its name in lower case, its value valid in HTTP.
public struct HeaderField: Sendable, Equatable {
    public var name: String
    public var value: String

    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}
