@testable import Gateway

/// What keeps pages of other sites out, for a name that somebody else has chosen.
func border(_ name: String) throws(Broken) {
    let border = BrowserBorder(hostnames: ["known.example"], allowedOrigins: ["https://listed.example"])
    if border.admits(host: name) {
        // Neither what could end a name, nor what a browser would take for another host.
        try require(
            name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != 0x40 && $0 != 0x2F }, "the host \(name) is taken")
        try require(border.admits(host: name.uppercased()), "the host \(name) is taken, and not in capital letters")
    }
    if border.admits(origin: name, host: "known.example"), name != "https://listed.example" {
        try require(name.lowercased().hasSuffix("://known.example"), "the origin \(name) is taken")
    }
    try require(
        !border.admitsCommand(origin: name, host: "known.example")
            || border.admits(origin: name, host: "known.example"),
        "the origin \(name) may command, and not look")
}
