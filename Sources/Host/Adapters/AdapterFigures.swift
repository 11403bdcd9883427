import Synchronization

/// Figures over all adapters. Readable from any thread.
public enum AdapterFigures {
    /// Bound callbacks that were called after their backend had gone, and were ignored.
    public static var lateCalls: UInt64 { BoundCallbacks.lateCalls.load(ordering: .relaxed) }
}
