import Testing

@testable import Upstream

/// A server that ends a kept connection just as a request goes out over it.
@Suite struct KeptConnectionTests {
    /// Asks twice; the server says this to what comes second over one connection.
    private func second(_ text: String) async throws -> Told {
        let bench = try await Bench.make { try $0.pipeline.syncOperations.addHandler(Forgetting(text)) }
        _ = await bench.ask()
        return await bench.ask()
    }

    @Test(arguments: [
        "", "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\r\n",
        "HTTP/1.0 408 Request Time-out\r\ncache-control: no-cache\r\n\r\n<html>too late</html>",
        "HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n",
    ]) func theRequestGoesOutAgainOverAFreshOne(_ text: String) async throws {
        let told = try await second(text)

        #expect(told.status == 200 && told.body == "hi" && told.end == .complete)
        #expect(!told.timings.reusedConnection && told.timings.firstByte != nil)
    }

    @Test func whatElseItSaysIsItsAnswer() async throws {
        let told = try await second("HTTP/1.1 503 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        #expect(told.status == 503 && told.end == .complete && told.timings.reusedConnection)
    }

    @Test func anAnswerThatBeganIsNotAskedForAgain() async throws {
        let told = try await second("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi")
        guard case .closed = told.end else {
            Issue.record("\(String(describing: told.end))")
            return
        }
    }
}
