import ABIRules
import PluginAPI

/// The host's part of the actions: one table for all adapters, filled once, never freed.
enum ActionHostTable {
    /// Invariant behind the unchecked Sendable: written once, before the first use.
    private struct Table: @unchecked Sendable {
        let pointer: UnsafeMutablePointer<nexus_action_host>
    }

    private static let table: Table = {
        let pointer = UnsafeMutablePointer<nexus_action_host>.allocate(capacity: 1)
        pointer.initialize(
            to: nexus_action_host(
                struct_size: UInt32(MemoryLayout<nexus_action_host>.size), reserved: 0,
                progress: { handle, progress in
                    guard let progress = Versioned.read(progress, minimum: Versioned.Minimum.progress) else {
                        return NEXUS_INVALID
                    }
                    guard let run = ActionRun.of(handle, "the progress of an action") else { return NEXUS_STALE }
                    HostCode.run { run.progressed(progress) }
                    return NEXUS_OK
                },
                result: { handle, json, length in
                    guard let json = BorrowedText.bytes(nexus_str(ptr: json, len: length)) else { return NEXUS_INVALID }
                    guard let run = ActionRun.of(handle, "the result of an action") else { return NEXUS_STALE }
                    return HostCode.run { run.gave(json) }
                },
                error: { handle, failure in
                    guard let failure = Versioned.read(failure, minimum: Versioned.Minimum.failure) else {
                        return NEXUS_INVALID
                    }
                    guard let run = ActionRun.of(handle, "the error of an action") else { return NEXUS_STALE }
                    HostCode.run { run.failed(HostTable.failure(failure)) }
                    return NEXUS_OK
                },
                check: { handle in
                    guard let run = ActionRun.of(handle, "the check of an action") else { return NEXUS_STALE }
                    return run.goesOn ? NEXUS_OK : NEXUS_STALE
                },
                http: { handle, request, handlers, user in
                    guard let request = Versioned.read(request, minimum: Versioned.Minimum.httpRequest),
                        let handlers = Versioned.handlers(handlers)
                    else { return NEXUS_INVALID }
                    guard let run = ActionRun.of(handle, "the http of an action") else { return NEXUS_STALE }
                    return HostCode.run { run.http(request, handlers, user) }
                }))
        return Table(pointer: pointer)
    }()

    static var pointer: UnsafePointer<nexus_action_host> { UnsafePointer(table.pointer) }
}
