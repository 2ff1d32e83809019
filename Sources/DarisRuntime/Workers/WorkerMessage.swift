import Foundation

/// What a worker says to its parent on their socket: a byte for the kind, four for the length, then so many bytes.
enum WorkerMessage {
    /// A step of its start.
    case progress(String)
    /// It is ready; its `WorkerReadiness` in JSON.
    case ready(Data)
    /// It cannot start, for this reason, and ends.
    case failed(String)

    static let headerBytes = 5

    /// The message as bytes.
    var encoded: [UInt8] {
        let (kind, payload): (Unicode.Scalar, [UInt8]) =
            switch self {
            case .progress(let text): ("p", Array(text.utf8))
            case .ready(let data): ("r", Array(data))
            case .failed(let text): ("f", Array(text.utf8))
            }
        return [UInt8(ascii: kind)] + (0..<4).map { UInt8(truncatingIfNeeded: payload.count >> ($0 * 8)) } + payload
    }

    /// Takes the first message off what has been received.
    ///
    /// - Returns: `nil` while it is not complete.
    /// - Throws: if it can be none.
    static func take(from received: inout [UInt8]) throws(DeviceError) -> WorkerMessage? {
        guard received.count >= headerBytes else { return nil }
        let length = (0..<4).reduce(0) { $0 | Int(received[1 + $1]) << ($1 * 8) }
        guard length <= WorkerLimits.messageBytes else { throw DeviceError("it sent a message of \(length) bytes") }
        let kind = received[0]
        guard [UInt8(ascii: "p"), UInt8(ascii: "r"), UInt8(ascii: "f")].contains(kind) else {
            throw DeviceError("it sent a message of kind \(kind)")
        }
        guard received.count >= headerBytes + length else { return nil }
        let payload = received[headerBytes..<headerBytes + length]
        defer { received.removeFirst(headerBytes + length) }
        return switch kind {
        case UInt8(ascii: "p"): .progress(String(decoding: payload, as: UTF8.self))
        case UInt8(ascii: "r"): .ready(Data(payload))
        default: .failed(String(decoding: payload, as: UTF8.self))
        }
    }
}
