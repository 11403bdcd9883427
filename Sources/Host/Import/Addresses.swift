import Config
import Core

/// Addresses of servers as they are written elsewhere.
enum Addresses {
    /// As it can stand in `url`; nil: it cannot, which was told without repeating it, as it may hold a password.
    static func checked(_ text: String, _ path: String, _ line: Int, _ remarks: inout Remarks) -> String? {
        let trimmed = text.split(separator: " ").first.map(String.init) ?? ""
        guard trimmed.utf8.count <= TextLimits.url else {
            remarks.add(path, line, "has more than \(TextLimits.url) bytes, and was left out")
            return nil
        }
        do throws(BackendURL.Malformed) {
            return try BackendURL(trimmed).description
        } catch {
            remarks.add(path, line, "is no address that can be used here: \(error)")
            return nil
        }
    }
}
