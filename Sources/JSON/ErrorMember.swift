extension JSONValue {
    /// The member "error", if it says that something went wrong: servers write null, false, 0 or an empty text when nothing
    /// did. Where it stands twice, the second does not unsay the first.
    public var errorMember: JSONValue? {
        object?.members.last { $0.name == "error" && $0.value.tellsError }?.value
    }

    private var tellsError: Bool {
        switch self {
        case .null, .bool(false), .string(""): false
        case .number(let number): number.double != 0
        default: true
        }
    }
}
