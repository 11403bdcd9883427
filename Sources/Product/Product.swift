/// What is said of the whole product: the gateway and the adapters that come with it are built and released together.
public enum Product {
    /// The one place where the version is written: `nexus --version`, the page, the answers of the gateway, the host that
    /// adapters see, and the adapters of this repository all show it.
    public static let version: StaticString = "0.2.0"
}
