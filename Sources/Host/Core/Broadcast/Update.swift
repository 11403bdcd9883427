import NIOCore
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
        /// The exchanges under way. Never published: made for those that ask for it.
        case requests(ActiveExchanges)
        /// An operator has ended an exchange.
        case cancelled(ActiveExchange)
        /// Everything that is wrong, at that instant in Unix seconds.
        case trouble(TroubleList, at: Double)
    }

    public let content: Content
    private let encoded = Mutex<ByteBuffer?>(nil)

    public init(_ content: Content) { self.content = content }

    /// The messages of this update as frames, the same bytes for all subscribers.
    public var frames: ByteBuffer {
        encoded.withLock { encoded in
            if let encoded { return encoded }
            var frames = ByteBuffer()
            for message in messages { ServerFrame.append(message, to: &frames) }
            encoded = frames
            return frames
        }
    }

    /// The JSON messages of this update, each within the limit of one message.
    var messages: [[UInt8]] {
        switch content {
        case .requestComplete(let entry): [UpdateEncoder.requestCompleteMessage(entry)]
        case .backends(let views): UpdateEncoder.backendStatusMessages(views)
        case .fleet(let views): UpdateEncoder.fleetMessages(views)
        case .models(let id, let models): [UpdateEncoder.modelChangeMessage(backendID: id, models: models)]
        case .removed(let view): UpdateEncoder.backendRemovedMessages(view)
        case .action(let progress): [UpdateEncoder.actionProgressMessage(progress)]
        case .requests(let list): UpdateEncoder.activeRequestsMessages(list)
        case .cancelled(let exchange): [UpdateEncoder.requestCancelledMessage(exchange)]
        case .trouble(let list, let now): [UpdateEncoder.troubleMessage(list, now: now)]
        }
    }

    public var isRequestComplete: Bool {
        if case .requestComplete = content { true } else { false }
    }

    public var isCancelled: Bool {
        if case .cancelled = content { true } else { false }
    }

    /// It says that no exchange is under way.
    public var isIdle: Bool {
        if case .requests(let list) = content { list.total == 0 && list.silentLoops == 0 } else { false }
    }

    /// A picture of the fleet from before it is out of date.
    var changesFleet: Bool {
        switch content {
        case .backends, .fleet, .removed: true
        case .requestComplete, .models, .action, .requests, .cancelled, .trouble: false
        }
    }
}
