import PluginAPI

/// The one symbol that the shared object exports.
// swift-format-ignore: AlwaysUseLowerCamelCase
@c public func nexus_adapter_v1(
    _ host: UnsafePointer<nexus_host>?, _ error: UnsafeMutablePointer<nexus_message>?
) -> UnsafePointer<nexus_adapter>? {
    adapterEntry(host, error)
}
