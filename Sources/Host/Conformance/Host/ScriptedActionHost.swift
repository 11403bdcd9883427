import ABIRules
import AdapterHost
import PluginAPI

/// The host's part of the actions: it answers as the gateway does, and notes what the header forbids.
enum ScriptedActionHost {
    /// Invariant behind the unchecked Sendable: written once, before the first use.
    private struct Table: @unchecked Sendable {
        let pointer: UnsafeMutablePointer<nexus_action_host>
    }

    static var table: UnsafePointer<nexus_action_host> { UnsafePointer(services.pointer) }

    private static let services: Table = {
        let pointer = UnsafeMutablePointer<nexus_action_host>.allocate(capacity: 1)
        pointer.initialize(
            to: nexus_action_host(
                struct_size: UInt32(MemoryLayout<nexus_action_host>.size), reserved: 0,
                progress: { handle, progress in
                    // A handle that is stale already is no mistake: a thread of the adapter may come too late.
                    guard let action = ScriptedAction.of(handle) else { return NEXUS_STALE }
                    guard let progress = Versioned.read(progress, minimum: Versioned.Minimum.progress),
                        let message = Text.copy(progress.message)
                    else { return action.breaks("progress: struct_size, or a length without data") }
                    action.note(
                        ScriptedAction.Progress(done: progress.done, total: progress.total, message: message))
                    return NEXUS_OK
                },
                result: { handle, json, length in
                    guard let action = ScriptedAction.of(handle) else { return NEXUS_STALE }
                    guard let json = Text.copy(nexus_str(ptr: json, len: length)) else {
                        return action.breaks("result: a length without data")
                    }
                    return action.gave(json)
                },
                error: { handle, failure in
                    guard let action = ScriptedAction.of(handle) else { return NEXUS_STALE }
                    guard let failure = ScriptedTask.Failure(failure) else {
                        return action.breaks("error: struct_size, or a length without data")
                    }
                    action.note(failure)
                    return NEXUS_OK
                },
                check: { handle in ScriptedAction.of(handle)?.goesOn == true ? NEXUS_OK : NEXUS_STALE },
                http: { handle, request, handlers, user in
                    guard let action = ScriptedAction.of(handle) else { return NEXUS_STALE }
                    guard let request = Versioned.read(request, minimum: Versioned.Minimum.httpRequest),
                        let handlers = Versioned.handlers(handlers)
                    else { return action.breaks("http: struct_size, or a handler that is NULL") }
                    return action.http(request, handlers, user)
                }))
        return Table(pointer: pointer)
    }()
}
