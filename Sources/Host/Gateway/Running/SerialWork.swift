/// One piece of asynchronous work after another, in the order in which they were asked for.
actor SerialWork {
    private var last: Task<Void, Never>?

    func run<Result: Sendable>(_ work: @escaping @Sendable () async -> Result) async -> Result {
        let before = last
        let task = Task {
            await before?.value
            return await work()
        }
        last = Task { _ = await task.value }
        return await task.value
    }
}
