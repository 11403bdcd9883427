import Core
import JSON

/// Reads `[adapters.allow]`: names of files, and the SHA-256 of what may be in them.
enum AllowListReader {
    static func list(_ table: JSONObject, in section: Section) -> AdapterAllowList {
        var list = AdapterAllowList()
        for (name, value) in table.members {
            let key = "allow.\(name)"
            if name.utf8.contains(0x2F) || name.isEmpty || name.utf8.count > TextLimits.name {
                section.problem(key, "must be the name of a file, without its directory")
            }
            let texts = value.string.map { [$0] } ?? value.array?.map { $0.string ?? "" } ?? []
            let hashes = texts.compactMap { ContentHash(text: $0) }
            guard !hashes.isEmpty, hashes.count == texts.count else {
                section.problem(
                    key,
                    "must be the SHA-256 of the file, 64 hexadecimal digits, or an array of several; "
                        + "'nexus adapter hash FILE' prints the line")
                continue
            }
            if hashes.count > AdapterAllowList.Limits.contents {
                section.problem(
                    key, "there are \(hashes.count); at most \(AdapterAllowList.Limits.contents) are possible")
            }
            list.files[name] = hashes
        }
        if list.files.count > AdapterAllowList.Limits.files {
            section.problem(
                "allow", "there are \(list.files.count); at most \(AdapterAllowList.Limits.files) are possible")
        }
        return list
    }
}
