import Glibc

/// How much memory this process may hope for.
enum MachineMemory {
    /// A quarter of what there is; the default of `server.max_memory_bytes`.
    static let share = max(64 * 1024 * 1024, available / 4)

    /// Bytes: the machine's memory, or what the control group allows if that is less (cgroup v2, memory.max).
    private static var available: Int {
        let pages = sysconf(Int32(_SC_PHYS_PAGES))
        let size = sysconf(Int32(_SC_PAGESIZE))
        let (product, overflow) = max(0, pages).multipliedReportingOverflow(by: max(0, size))
        let machine = overflow || product == 0 ? 1 << 32 : product
        return min(machine, groupLimit ?? machine)
    }

    private static var groupLimit: Int? {
        guard let file = fopen("/sys/fs/cgroup/memory.max", "re") else { return nil }
        defer { fclose(file) }
        var text = [CChar](repeating: 0, count: 64)
        guard fgets(&text, CInt(text.count), file) != nil else { return nil }
        // "max" where there is no limit.
        return Int(String(decoding: text.prefix { $0 > 0x20 }.map(UInt8.init), as: UTF8.self))
    }
}
