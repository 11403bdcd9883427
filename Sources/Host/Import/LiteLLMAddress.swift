/// Where the server of an entry of LiteLLM's `model_list` is: `api_base`, or `base_url`.
struct LiteLLMAddress {
    /// As the file says it; nil: it says nothing, and the provider's own address counts.
    let written: String?
    /// As it can be used; nil: it cannot. A key that belongs to it must not go anywhere else.
    let url: String?

    var isGiven: Bool { written != nil }

    /// - Parameter environment: for addresses that the file takes from there.
    init(_ parameters: inout SourceTable, _ environment: [String: String], _ remarks: inout Remarks) {
        let name = parameters.take("api_base") == nil ? "base_url" : "api_base"
        if name == "api_base" { _ = parameters.take("base_url") }
        written = parameters.text(name, &remarks)
        guard let written else {
            url = nil
            return
        }
        let (path, line) = (parameters.full(name), parameters.line(of: name))
        var address = written
        if case .variable(let variable) = KeyText(written) {
            guard let value = environment[variable], !value.isEmpty else {
                remarks.add(
                    path, line, "is in the variable \(variable), which is not set here; write the address into url")
                url = nil
                return
            }
            remarks.add(
                path, line,
                "is in the variable \(variable); url has what it holds now, since addresses stand in the file here")
            address = value
        }
        url = Addresses.checked(address, path, line, &remarks)
    }
}
