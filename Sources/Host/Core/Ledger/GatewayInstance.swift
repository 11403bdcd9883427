/// Which run of which gateway numbered a record: sequence numbers of two runs, or of two gateways, are not to be compared.
public struct GatewayInstance: Sendable, Hashable {
    /// 64 random bits in hexadecimal.
    public var id: String
    /// When it started, in Unix seconds.
    public var startedAt: Int64

    public init(id: String, startedAt: Int64) {
        self.id = id
        self.startedAt = startedAt
    }

    /// A new one.
    public init(startedAt: Int64) {
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        self.init(id: String(repeating: "0", count: 16 - digits.count) + digits, startedAt: startedAt)
    }
}
