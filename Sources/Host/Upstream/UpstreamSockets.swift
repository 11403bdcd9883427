import Synchronization

/// The connections to backends of the whole process.
public enum UpstreamSockets {
    /// How many are open.
    public static let open = Atomic<Int>(0)
}
