import Synchronization

/// The connections to backends of the whole process.
public enum UpstreamSockets {
    /// How many are open or being made; one of the latter may count twice.
    public static let open = Atomic<Int>(0)
}
