import DarisCore
import DarisRuntime
import NIOCore
import NIOHPACK
import ONNXRuntime
internal import SwiftProtobuf

/// Reads what clients send as the server does, without a server around it, and checks by a second way what was read: for
/// programs that try inputs of all kinds.
package enum InputTrial {
    /// What became of an input.
    package enum Outcome: Hashable, Sendable {
        /// A client would have been told so.
        case refused(String)
        case accepted
        /// A fault: two ways of reading it disagree.
        case differs(String)
    }

    // MARK: - HTTP

    /// Reads an inference request over HTTP. Its tensors, written as those of an answer, must read as the same again.
    ///
    /// - Parameters:
    ///   - headers: by names in lower case.
    ///   - limit: of the body, in bytes.
    package static func http(_ headers: [String: String], body: [UInt8], limit: Int) -> Outcome {
        _ = try? SharedMemoryRoutes.registration(body)
        _ = RequestTag(id: headers["x-request-id"], traceParent: headers["traceparent"])
        do throws(InferenceError) {
            let length = headers["inference-header-content-length"].flatMap { Int($0) }
            let body = try Compression.decoded(
                ByteBuffer(bytes: body), encoding: headers["content-encoding"], limit: limit)
            guard body.readableBytes <= limit else { return .differs("\(body.readableBytes) bytes, above the limit") }
            let request = try read(body, length: length)
            let urgency = try urgency(body, length: length)
            guard urgency.priority == request.priority, urgency.timeout == request.timeout else {
                return .differs("how urgent it is")
            }
            let tensors = request.inputs.filter(isWhole).map(withPlainNaN)
            return try textAgain(tensors) == tensors ? .accepted : .differs("the tensors read again")
        } catch {
            return .refused(error.message)
        }
    }

    private static func read(_ body: ByteBuffer, length: Int?) throws(InferenceError) -> InferenceRequest {
        try body.withUnsafeReadableBytes { bytes throws(InferenceError) in
            if length == 0 { return RequestDecoding.raw(bytes, input: rawInput, model: "m", version: nil) }
            let header = try RequestDecoding.header(bytes, length: length)
            return try RequestDecoding.request(header, bytes, model: "m", version: nil)
        }
    }

    /// The input of a model that takes requests without JSON.
    private static let rawInput = ModelSignature.Tensor(name: "x", elementType: .string, shape: [1])

    private static func urgency(
        _ body: ByteBuffer, length: Int?
    ) throws(InferenceError) -> (priority: Int?, timeout: Nanoseconds?) {
        try body.withUnsafeReadableBytes { bytes throws(InferenceError) in
            try RequestDecoding.urgency(UnsafeRawBufferPointer(rebasing: bytes[..<(length ?? bytes.count)]))
        }
    }

    /// Whether an input has the bytes that its shape needs, which is checked when its model is known, and a form in JSON.
    private static func isWhole(_ input: InferenceRequest.Input) -> Bool {
        guard input.sharedMemory == nil else { return false }
        var count = 1
        for extent in input.shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            if overflow { return false }
            count = product
        }
        guard let size = input.type.byteSize else { return EncodedStrings.count(input.bytes) == count }
        // A BOOL is any byte, and JSON says 'true' of all but 0.
        return input.bytes.count == count * size && (input.type != .bool || input.bytes.allSatisfy { $0 < 2 })
    }

    /// An input in which all that is no number is the same: JSON says no more of it.
    private static func withPlainNaN(_ input: InferenceRequest.Input) -> InferenceRequest.Input {
        var input = input
        func replace<Bits: FixedWidthInteger & UnsignedInteger>(infinity: Bits, plain: Bits) {
            input.bytes.withUnsafeMutableBytes { bytes in
                for offset in stride(from: 0, to: bytes.count, by: MemoryLayout<Bits>.size) {
                    let value = Bits(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Bits.self))
                    if value & (Bits.max >> 1) > infinity {
                        bytes.storeBytes(of: plain.littleEndian, toByteOffset: offset, as: Bits.self)
                    }
                }
            }
        }
        switch input.type {
        case .float16: replace(infinity: UInt16(0x7c00), plain: 0x7e00)
        case .bfloat16: replace(infinity: UInt16(0x7f80), plain: 0x7fc0)
        case .float32: replace(infinity: Float.infinity.bitPattern, plain: Float.nan.bitPattern)
        case .float64: replace(infinity: Double.infinity.bitPattern, plain: Double.nan.bitPattern)
        default: break
        }
        return input
    }

    private static func textAgain(
        _ tensors: [InferenceRequest.Input]
    ) throws(InferenceError) -> [InferenceRequest.Input] {
        let answer = try ResponseEncoding.body(response(tensors, isBinary: false)).bytes
        let start = #"{"model_name":"m","model_version":"1","outputs""#.utf8.count
        return try read(ByteBuffer(bytes: Array(#"{"inputs""#.utf8) + answer.dropFirst(start)), length: nil).inputs
    }

    private static func response(_ tensors: [InferenceRequest.Input], isBinary: Bool) -> InferenceResponse {
        InferenceResponse(
            model: "m", version: "1", id: nil,
            outputs: tensors.map {
                .init(
                    tensor: .init(name: $0.name, elementType: $0.type, shape: $0.shape), bytes: $0.bytes,
                    isBinary: isBinary)
            })
    }

    // MARK: - gRPC

    /// Reads the headers of a call and the data behind them. The headers that are let through must be ones that the
    /// library below can read, and messages must end where they end in the data as a whole, however it is cut.
    package static func call(_ headers: [(name: String, value: String)], data: [UInt8]) -> Outcome {
        // HTTP/2 lets no other names through, and NIO takes bytes beyond ASCII for any letter.
        let headers = headers.filter { $0.name.utf8.allSatisfy { (0x21...0x7e).contains($0) } }
        do throws(InferenceError) {
            let checked = try HeaderGuard.checked(HPACKHeaders(headers))
            let timeouts = checked["grpc-timeout"]
            for timeout in timeouts { _ = HeaderGuard.timeout(timeout) }
            guard timeouts.count <= 1, timeouts.allSatisfy(isReadableTimeout) else {
                return .differs("the timeouts \(timeouts)")
            }
        } catch {
            return .refused(error.message)
        }
        var (whole, cut) = (MessageFraming(), MessageFraming())
        let sizes = whole.read(ByteBuffer(bytes: data))
        var cutSizes: [Int] = []
        var rest = data[...]
        while let first = rest.first {
            cutSizes += cut.read(ByteBuffer(bytes: rest.prefix(1 + Int(first) % 9)))
            rest = rest.dropFirst(1 + Int(first) % 9)
        }
        guard sizes == cutSizes, whole.begun == cut.begun, sizes.reduce(whole.begun, +) == data.count else {
            return .differs("messages of \(sizes) and of \(cutSizes) bytes")
        }
        return .accepted
    }

    /// Whether a value is up to seven digits and a unit, of which the library reads all.
    private static func isReadableTimeout(_ value: String) -> Bool {
        (2...8).contains(value.utf8.count) && "HMSmun".contains(value.suffix(1))
            && value.utf8.dropLast().allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    /// Reads a message as each of those that a client may send. An inference request must be what SwiftProtobuf alone
    /// reads, and its tensors, written as those of an answer, must be there again.
    package static func grpc(_ bytes: [UInt8]) -> Outcome {
        _ = try? Inference_ModelReadyRequest(serializedBytes: bytes)
        _ = try? Inference_ModelMetadataRequest(serializedBytes: bytes)
        _ = try? Inference_ModelConfigRequest(serializedBytes: bytes)
        _ = try? Inference_ModelStatisticsRequest(serializedBytes: bytes)
        _ = try? Inference_RepositoryIndexRequest(serializedBytes: bytes)
        _ = try? Inference_RepositoryModelLoadRequest(serializedBytes: bytes)
        _ = try? Inference_RepositoryModelUnloadRequest(serializedBytes: bytes)
        _ = try? Inference_SystemSharedMemoryStatusRequest(serializedBytes: bytes)
        _ = try? Inference_SystemSharedMemoryRegisterRequest(serializedBytes: bytes)
        _ = try? Inference_SystemSharedMemoryUnregisterRequest(serializedBytes: bytes)

        let call = bytes.withUnsafeBytes { try? InferCall(serialized: $0) }
        let message = try? Inference_ModelInferRequest(serializedBytes: bytes)
        // Two bytes are the least that a field takes.
        if call == nil, bytes.count > 2 * InferMessage.fieldLimit { return .refused("too many fields") }
        guard (call == nil) == (message == nil) else { return .differs("one way reads it, the other does not") }
        guard let call, var message else { return .refused("no ModelInferRequest") }
        guard call.message.rawInputContents.isEmpty,
            call.rawContents.elementsEqual(
                message.rawInputContents,
                by: {
                    $0.elementsEqual($1)
                })
        else { return .differs("the raw contents") }
        message.rawInputContents = []
        guard encoded(call.message) == encoded(message) else { return .differs("the message without them") }
        do throws(InferenceError) {
            let inputs = try InferenceRequest(call).inputs
            return isSame(inputs) ? .accepted : .differs("the tensors read again")
        } catch {
            return .refused(error.message)
        }
    }

    /// A message's bytes, in one order; numbers that are none are equal so.
    private static func encoded(_ message: some Message) -> [UInt8]? {
        var options = BinaryEncodingOptions()
        options.useDeterministicOrdering = true
        return try? message.serializedBytes(options: options)
    }

    private static func isSame(_ inputs: [InferenceRequest.Input]) -> Bool {
        let answer = InferAnswer(
            message: Inference_ModelInferResponse(response(inputs, isBinary: true)), rawContents: inputs.map(\.bytes))
        guard let framed = try? answer.framed(),
            let read = try? Inference_ModelInferResponse(
                serializedBytes: [UInt8](framed.readableBytesView.dropFirst(5)))
        else { return false }
        return read.outputs.map(\.name) == inputs.map(\.name)
            && read.rawOutputContents.elementsEqual(inputs) { $0.elementsEqual($1.bytes) }
    }
}
