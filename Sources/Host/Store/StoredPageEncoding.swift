import Core
import JSON

/// The JSON of a page.
public enum StoredPageEncoding {
    public static func json(_ page: StoredPage) -> [UInt8] {
        var json = JSONWriter(capacity: 256 + page.entries.count * 512)
        json.beginObject()
        json.key("object")
        json.string("list")
        json.key("data")
        json.beginArray()
        for stored in page.entries { ContractEncoder.write(stored.entry, route: stored.route, to: &json) }
        json.endArray()
        json.key("next_before")
        if let next = page.next { json.string("\(next)") } else { json.null() }
        json.key("is_cut")
        json.bool(page.isCut)
        json.endObject()
        return json.bytes
    }

    /// One entry alone.
    public static func json(_ stored: StoredEntry) -> [UInt8] {
        var json = JSONWriter(capacity: 512)
        ContractEncoder.write(stored.entry, route: stored.route, to: &json)
        return json.bytes
    }
}
