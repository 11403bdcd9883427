import JSON

/// The messages of `/ws`, none larger than `messageLimit`. Pure functions; callable from any thread.
public enum UpdateEncoder {
    /// Bytes of JSON in one message of `/ws`, at most. Fixed by the contract.
    public static let messageLimit = 10_240

    static let statusOpening = Array(#"{"update_type":"BackendStatus","data":["#.utf8)
    static let statusClosing = Array("]}".utf8)

    /// `RequestComplete`: one entry of the history. An entry that would not fit loses the ends of its texts.
    public static func requestCompleteMessage(_ entry: HistoryEntry) -> [UInt8] {
        let message = requestComplete(entry, omitted: Omissions())
        if message.count <= messageLimit { return message }
        let fitted = fit(entry, limit: messageLimit - 64)
        return requestComplete(fitted.entry, omitted: fitted.omitted)
    }

    private static func requestComplete(_ entry: HistoryEntry, omitted: Omissions) -> [UInt8] {
        var json = JSONWriter(capacity: 512)
        json.beginObject()
        json.key("update_type")
        json.string("RequestComplete")
        json.key("data")
        ContractEncoder.write(entry, omitted: omitted, to: &json)
        json.endObject()
        return json.bytes
    }

    /// `BackendStatus` for who merges views by id: as many messages as the views need, each a valid array of whole views, in
    /// order. One message with an empty array when there are no views.
    public static func backendStatusMessages(_ views: [BackendView]) -> [[UInt8]] {
        let room = messageLimit - statusOpening.count - statusClosing.count
        var messages: [[UInt8]] = []
        var message = statusOpening
        for view in views {
            let bytes = encoded(view, limit: room)
            if message.count > statusOpening.count {
                if message.count + 1 + bytes.count + statusClosing.count > messageLimit {
                    messages.append(message + statusClosing)
                    message = statusOpening
                } else {
                    message.append(UInt8(ascii: ","))
                }
            }
            message += bytes
        }
        messages.append(message + statusClosing)
        return messages
    }

    /// `BackendStatus` that says a backend is gone: its view, draining and without models, with `"removed": true`.
    /// A reader that does not know the member sees a backend which takes no requests, which is true as well.
    public static func backendRemovedMessages(_ view: BackendView) -> [[UInt8]] {
        var last = view
        last.status = .draining
        last.models = []
        last.pendingRequests = 0
        let room = messageLimit - statusOpening.count - statusClosing.count
        return [statusOpening + encoded(last, limit: room, removed: true) + statusClosing]
    }

    private static func encoded(_ view: BackendView, limit: Int, removed: Bool = false) -> [UInt8] {
        let fitted = fit(view, limit: limit, removed: removed)
        var json = JSONWriter(capacity: 1024)
        ContractEncoder.write(fitted.view, omitted: fitted.omitted, removed: removed, to: &json)
        return json.bytes
    }

    /// `ModelChange`: the models a backend has from now on; none when it failed. What does not fit is counted in
    /// `truncated`, as in a view.
    public static func modelChangeMessage(backendID: String, models: [Model]) -> [UInt8] {
        var cutter = TextCutter(limit: 1024, omitted: Omissions())
        let id = cutter.cut(backendID, member: "backend_id")
        let empty = modelChange(id, [], cutter.omitted)
        let kept = fit(models, into: messageLimit - empty.count - 64)
        var omitted = cutter.omitted
        omitted.note("models", count: models.count - kept.count)
        return modelChange(id, kept, omitted)
    }

    private static func modelChange(_ backendID: String, _ models: [Model], _ omitted: Omissions) -> [UInt8] {
        var json = JSONWriter(capacity: 512)
        json.beginObject()
        json.key("update_type")
        json.string("ModelChange")
        json.key("data")
        json.beginObject()
        json.key("backend_id")
        json.string(backendID)
        json.key("models")
        ContractEncoder.write(models, to: &json)
        omitted.write(to: &json)
        json.endObject()
        json.endObject()
        return json.bytes
    }
}
