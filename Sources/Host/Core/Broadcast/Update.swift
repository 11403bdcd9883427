import Synchronization

/// One message to the subscribers of `/ws`. Encoded at most once, by the first reader, shared by all.
public final class Update: Sendable {
    public enum Content: Sendable {
        case requestComplete(HistoryEntry)
        /// How some backends stand: those that changed, or all.
        case backends([BackendView])
        /// How all backends stand, in as few messages as can be.
        case fleet([BackendView])
        case models(backendID: String, models: [Model])
        /// The backend is no longer there.
        case removed(BackendView)
        case action(ActionProgress)
    }

    public let content: Content
    private let encoded = Mutex<[[UInt8]]?>(nil)

    public init(_ content: Content) { self.content = content }

    /// The JSON messages of this update, each within the limit of one message.
    public var messages: [[UInt8]] {
        encoded.withLock { encoded in
            if let encoded { return encoded }
            let messages: [[UInt8]] =
                switch content {
                case .requestComplete(let entry): [UpdateEncoder.requestCompleteMessage(entry)]
                case .backends(let views): UpdateEncoder.backendStatusMessages(views)
                case .fleet(let views): UpdateEncoder.fleetMessages(views)
                case .models(let id, let models): [UpdateEncoder.modelChangeMessage(backendID: id, models: models)]
                case .removed(let view): UpdateEncoder.backendRemovedMessages(view)
                case .action(let progress): [UpdateEncoder.actionProgressMessage(progress)]
                }
            encoded = messages
            return messages
        }
    }

    public var isRequestComplete: Bool {
        if case .requestComplete = content { true } else { false }
    }

    /// A picture of the fleet from before it is out of date.
    var changesFleet: Bool {
        switch content {
        case .backends, .fleet, .removed: true
        case .requestComplete, .models, .action: false
        }
    }
}
