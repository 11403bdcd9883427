import Core
import PluginAPI

extension SubmittedRequest {
    /// The flags of `nexus_request`.
    var flags: UInt32 {
        (stream ? NEXUS_REQUEST_STREAM : 0) | (includeUsage ? NEXUS_REQUEST_INCLUDE_USAGE : 0)
            | (tools ? NEXUS_REQUEST_TOOLS : 0) | (images ? NEXUS_REQUEST_IMAGES : 0)
    }
}
