import JSON

/// The JSON of what is wrong.
extension ContractEncoder {
    /// Bytes of a name in a subject.
    private static let nameLimit = 256

    /// `GET /v1/trouble`.
    /// - Parameter now: the wall clock in Unix seconds.
    public static func troubles(_ list: TroubleList, now: Double) -> [UInt8] {
        var json = JSONWriter(capacity: 256 + list.items.count * 512)
        json.beginObject()
        json.key("object")
        json.string("list")
        json.key("checked_at")
        json.string(Timestamp.text(seconds: now))
        json.key("total")
        json.integer(list.total)
        json.key("omitted")
        json.integer(list.omitted)
        json.key("data")
        json.beginArray()
        for trouble in list.items { write(trouble, now: now, to: &json) }
        json.endArray()
        json.endObject()
        return json.bytes
    }

    /// One of them; some 4,000 bytes at most.
    public static func write(_ trouble: Trouble, now: Double, to json: inout JSONWriter) {
        json.beginObject()
        json.key("id")
        json.string(trouble.id)
        json.key("kind")
        json.string(trouble.kind.rawValue)
        json.key("severity")
        json.string(trouble.severity.name)
        json.key("subject")
        write(trouble.subject, to: &json)
        json.key("since")
        json.string(Timestamp.text(seconds: trouble.since))
        json.key("words")
        json.string(trouble.words(now: now))
        json.key("what")
        json.string(trouble.what)
        json.key("why")
        if trouble.why.isEmpty { json.null() } else { json.string(trouble.why) }
        json.key("link")
        json.string(trouble.link)
        json.endObject()
    }

    private static func write(_ subject: Trouble.Subject, to json: inout JSONWriter) {
        json.beginObject()
        json.key("type")
        json.string(subject.type)
        func text(_ key: String, _ value: String) {
            json.key(key)
            json.string(EntryLimits.cutBytes(value, to: nameLimit))
        }
        switch subject {
        case .gateway: break
        case .backend(let id, let name):
            text("id", id)
            text("name", name)
        case .model(let model, let backend, let name):
            text("model", model)
            text("backend_id", backend)
            text("backend_name", name)
        case .adapter(let name): text("name", name)
        }
        json.endObject()
    }
}

extension UpdateEncoder {
    /// `Trouble`: everything that is wrong now. What does not fit into one message is counted in `omitted`, the least first.
    static func troubleMessage(_ list: TroubleList, now: Double) -> [UInt8] {
        // The frame around the troubles.
        var room = messageLimit - 160
        var kept: [[UInt8]] = []
        for trouble in list.items {
            var json = JSONWriter(capacity: 512)
            ContractEncoder.write(trouble, now: now, to: &json)
            guard json.bytes.count + 1 <= room else { continue }
            room -= json.bytes.count + 1
            kept.append(json.bytes)
        }
        return update("Trouble") { json in
            json.key("total")
            json.integer(list.total)
            json.key("omitted")
            json.integer(list.total - kept.count)
            json.key("troubles")
            json.beginArray()
            for trouble in kept { json.raw(trouble) }
            json.endArray()
        }
    }
}
