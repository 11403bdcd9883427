import Dispatch
import Synchronization
import Testing

@testable import AdapterHost

@Suite struct WorkPoolTests {
    @Test func whatIsWorkedOnAtOnceIsBounded() {
        let pool = WorkPool(threads: 1, bytes: 100)
        let gate = DispatchSemaphore(value: 0)
        let done = DispatchSemaphore(value: 0)
        let ran = Atomic<Int>(0)
        func submit(_ size: Int) -> Bool {
            pool.submit(size: size) {
                gate.wait()
                ran.add(1, ordering: .relaxed)
                done.signal()
            }
        }

        // More than all, but nothing is before it.
        #expect(submit(1000))
        #expect(!submit(1))
        gate.signal()
        done.wait()
        // The bytes are given back behind the work.
        while !submit(60) {}
        #expect(submit(40))
        #expect(!submit(1))
        gate.signal()
        gate.signal()
        done.wait()
        done.wait()
        #expect(ran.load(ordering: .relaxed) == 3)
    }
}
