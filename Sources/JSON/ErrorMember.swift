extension JSONValue {
    /// The member "error", if it says that something went wrong: servers write null, false, 0 or an empty text when nothing
    /// did.
    public var errorMember: JSONValue? {
        guard let error = self["error"] else { return nil }
        switch error {
        case .null, .bool(false), .string(""): return nil
        case .number(let number): return number.double == 0 ? .none : error
        default: return error
        }
    }
}
