import Core
import NIOCore

@testable import Gateway

/// Where an answer goes in a test: notes what it is told to do.
final class RecordingClient: AnswerSink {
    private(set) var calls: [String] = []
    var isWritable = true
    var isOverfull = false
    var isOutOfMemory = false

    func countRequest(_ bytes: Int) -> Bool { true }
    func requestIsDone() { calls.append("request done") }
    func writeWhole(status: Int, type: AnswerType, origin: AnswerOrigin, body: ByteBuffer) { calls.append("whole") }
    func write(_ answer: LocalAnswer) { calls.append("local \(answer.status)") }
    func writeError(_ error: ErrorBody, origin: AnswerOrigin?) { calls.append("error \(error.status)") }
    func writeFailure(_ failure: ExchangeFailure, body: [UInt8], origin: AnswerOrigin) { calls.append("failure") }
    func beginPieces(status: Int, type: AnswerType, origin: AnswerOrigin?, first: ByteBuffer) { calls.append("begin") }
    func writePiece(_ piece: inout ByteBuffer) { calls.append("piece") }
    func endPieces(with last: [UInt8]) { calls.append("end") }
    func flush() { calls.append("flush") }
    func abort() { calls.append("abort") }
    func answered() { calls.append("answered") }
}
