import Testing

@testable import Dialects

@Suite struct ClientErrorTests {
    @Test func anErrorIsTheCallersFaultUnlessItSaysOtherwise() {
        #expect(ClientError(status: 400, message: "no").type == "invalid_request_error")
    }
}
