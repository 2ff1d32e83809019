import DarisConfiguration
import DarisRuntime
import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import ONNXRuntime
import Testing

@testable import DarisServer

@Suite("Requests arranged for their model")
struct ArrangedRequestTests {
    private let sink = ManualSink()
    private let service = InferenceService(limit: 100)
    private let memory = ClientMemory(bytes: Array(0..<64))

    init() throws {
        let signature = ModelSignature(
            inputs: [
                .init(name: "x", elementType: .uint8, shape: [4]), .init(name: "s", elementType: .string, shape: [2]),
            ],
            outputs: [
                .init(name: "y", elementType: .uint8, shape: [2, 2]),
                .init(name: "t", elementType: .string, shape: [1]),
            ])
        service.serve(
            [
                ServedModel(
                    name: "net", signature: signature, batch: 2,
                    own: RequestQueue(
                        name: "net", task: 0, instances: 4, priority: .high, deadline: .seconds(Int64(100)), limit: 10,
                        sink: sink), other: nil)
            ], on: sink)
        try service.sharedMemory.register(name: "r", key: memory.key, offset: 0, byteCount: 64)
    }

    private var texts: [UInt8] { EncodedStrings.encode([[UInt8]]([[1], [2, 3]])) }

    private func request(
        _ change: (inout InferenceRequest) -> Void = { _ in }
    ) throws -> InferenceRequest {
        var request = InferenceRequest(model: "net")
        request.inputs = [
            .init(name: "s", type: .string, shape: [2], bytes: texts),
            .init(name: "x", type: .uint8, shape: [4], bytes: [1, 2, 3, 4]),
        ]
        change(&request)
        return request
    }

    private func arranged(
        _ budget: ByteBudget? = nil, _ change: (inout InferenceRequest) -> Void = { _ in }
    ) throws -> ArrangedRequest {
        try ArrangedRequest(
            try request(change), try service.model("net", version: nil), service.sharedMemory, budget)
    }

    private func message(_ change: (inout InferenceRequest) -> Void) throws -> String {
        try #require(throws: InferenceError.self) { try arranged(nil, change) }.message
    }

    @Test("inputs come in the order of the model; what does not fit is named with what was expected and given")
    func inputs() throws {
        #expect(try arranged().inputs == [[1, 2, 3, 4], texts])
        #expect(try message { $0.inputs.removeLast() } == "input 'x' of model 'net' is missing: UINT8 [4]")
        #expect(try message { $0.inputs[1].type = .int8 } == "input 'x' of model 'net' is UINT8, not INT8")
        #expect(try message { $0.inputs[1].shape = [2, 2] } == "input 'x' of model 'net' has shape [4], not [2, 2]")
        #expect(try message { $0.inputs[1].bytes = [1] } == "input 'x' of model 'net' has 4 bytes, not 1")
    }

    @Test("strings that are too many, too few or broken are an error that names their tensor")
    func strings() throws {
        for (bytes, words) in [
            (EncodedStrings.encode([[UInt8]]([[1]])), "input 's' of model 'net' has 2 strings (shape [2]), not 1"),
            ([], "has 2 strings (shape [2]), not 0"), (texts + [0, 0, 0, 0], "not 3"),
            (texts.dropLast(), "input 's' of model 'net' is BYTES, each string behind its length in 4 bytes; a length"),
            ([9, 0, 0], "beyond the end of its 3 bytes"),
        ] {
            #expect(try message { $0.inputs[0].bytes = Array(bytes) }.contains(words))
        }
    }

    @Test("inputs from shared memory are the client's bytes, and count as memory until the request is answered")
    func sharedInputs() throws {
        let budget = ByteBudget(limit: 1_000)
        let place = InferenceRequest.SharedMemorySlice(region: "r", offset: 8, byteCount: 4)
        let shared: (inout InferenceRequest) -> Void = { $0.inputs[1] = .init(shared: place) }
        do {
            let arranged = try arranged(budget, shared)
            #expect(arranged.inputs[0] == [8, 9, 10, 11] && budget.held == 4)
        }
        #expect(budget.held == 0)
        let full = try #require(throws: InferenceError.self) { try arranged(ByteBudget(limit: 3), shared) }
        #expect(full.refusal == .memoryFull(limit: 3))
        #expect(
            try message {
                shared(&$0)
                $0.inputs[1].sharedMemory?.byteCount = 3
            } == "input 'x' of model 'net' has 4 bytes, not 3")
        #expect(
            try message {
                $0.inputs[0].bytes = []
                $0.inputs[0].sharedMemory = place
            }.contains("input 's' of model 'net' is BYTES"))
    }

    @Test("outputs are answered as classes, in shared memory, or as they are")
    func outputs() throws {
        let arranged = try arranged(nil) {
            $0.outputs = [
                .init(name: "t", isBinary: true, sharedMemory: .init(region: "r", offset: 60, byteCount: 4)),
                .init(name: "y", isBinary: false, classes: 1),
            ]
        }
        let text = EncodedStrings.encode([[UInt8]]([[]]))
        let response = arranged.response([[1, 9, 8, 2], text])
        #expect(response.outputs[1].tensor.shape == [2, 1] && response.outputs[1].tensor.elementType == .string)
        #expect(response.outputs[0].answered.isEmpty && response.usesSharedMemory)
        try response.deliver()
        #expect(Array(memory.bytes[60...]) == text)
        let body = String(decoding: try ResponseEncoding.body(response).bytes, as: UTF8.self)
        #expect(
            body.contains(
                #"{"name":"t","datatype":"BYTES","shape":[1],"parameters":{"shared_memory_region":"r","#
                    + #""shared_memory_offset":60,"shared_memory_byte_size":4,"binary_data_size":0}}"#))
        #expect(body.contains(#"{"name":"y","datatype":"BYTES","shape":[2,1],"data":["9:1","8:0"]}"#))
        let message = InferAnswer(response).message
        #expect(message.outputs[0].parameters["shared_memory_byte_size"]?.int64Param == 4)
        #expect(InferAnswer(response).rawContents.map(\.count) == [0, 14])
        let large = arranged.response([[1, 9, 8, 2], EncodedStrings.encode([[UInt8]]([[1]]))])
        let error = try #require(throws: InferenceError.self) { try large.deliver() }
        #expect(error.message.contains("output 't' has 5 bytes, more than the 4"))
    }

    @Test("outputs that cannot be answered as asked are refused before the job")
    func refused() throws {
        #expect(try message { $0.outputs = [.init(name: "z", isBinary: true)] }.contains("has no output 'z'"))
        #expect(
            try message { $0.outputs = [.init(name: "t", isBinary: true, classes: 1)] }.contains(
                "output 't': it is BYTES"))
        #expect(
            try message {
                $0.outputs = [
                    .init(name: "y", isBinary: true, sharedMemory: .init(region: "r", offset: 0, byteCount: 3))
                ]
            }.contains("output 'y' has 4 bytes, more than the 3"))
        #expect(
            try message { $0.outputs = [.init(name: "y", isBinary: true), .init(name: "y", isBinary: true)] }
                .contains("asked for twice"))
    }

    // MARK: - When shared memory is written

    private func connection(_ gate: Gate = Gate()) throws -> EmbeddedChannel {
        let table = ConnectionTable(limit: 10)
        let channel = EmbeddedChannel(handlers: [
            ConnectionWatch(table: table, receive: .seconds(Int64(30))),
            HTTPInference(
                .init(
                    service: service, gate: gate, bounds: ServeSettings.Bounds(), table: table,
                    budget: ByteBudget(limit: 10_000), pool: CodingPool(threads: 1))),
        ])
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        return channel
    }

    private func ask(_ channel: EmbeddedChannel, _ parameters: String = "") throws {
        let text = #"""
            {"inputs":[{"name":"x","datatype":"UINT8","shape":[4],"data":[1,2,3,4]},
            {"name":"s","datatype":"BYTES","shape":[2],"data":["",""]}],"parameters":{\#(parameters)},
            "outputs":[{"name":"y","parameters":{"shared_memory_region":"r","shared_memory_byte_size":4}}]}
            """#
        try channel.writeInbound(
            HTTPRequestPart.head(
                HTTPRequest(method: .post, scheme: "http", authority: "localhost", path: "/v2/models/net/infer")))
        try channel.writeInbound(HTTPRequestPart.body(ByteBuffer(string: text)))
        try channel.writeInbound(HTTPRequestPart.end(nil))
        channel.embeddedEventLoop.run()
    }

    private func status(_ channel: EmbeddedChannel) throws -> Int? {
        channel.embeddedEventLoop.run()
        guard case .head(let head)? = try channel.readOutbound(as: HTTPResponsePart.self) else { return nil }
        return head.status.code
    }

    private var isWritten: Bool { memory.bytes.starts(with: [7, 7, 7, 7]) }

    @Test("an output is written with its answer")
    func written() throws {
        let channel = try connection()
        try ask(channel)
        #expect(!isWritten)
        sink.finishFirst(.success([[7, 7, 7, 7], []]))
        #expect(try status(channel) == 200 && isWritten)
    }

    @Test("nothing is written after the client's deadline, nor for a client that has gone")
    func late() throws {
        let channel = try connection()
        // Long enough to arrive on any machine.
        try ask(channel, #""timeout":900000"#)
        channel.embeddedEventLoop.advanceTime(to: .now() + .seconds(2))
        #expect(try status(channel) == 504)
        sink.finishFirst(.success([[7, 7, 7, 7], []]))
        channel.embeddedEventLoop.run()
        #expect(!isWritten)
        let other = try connection()
        try ask(other)
        other.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        sink.finishFirst(.success([[7, 7, 7, 7], []]))
        other.embeddedEventLoop.run()
        #expect(!isWritten)
    }

    @Test("a region that is gone when the answer is made is an error in its place")
    func gone() throws {
        let channel = try connection()
        try ask(channel)
        service.sharedMemory.unregister(nil)
        sink.finishFirst(.success([[7, 7, 7, 7], []]))
        #expect(try status(channel) == 400 && !isWritten)
    }

    @Test("clients of a listener that has no shared memory cannot name regions of another")
    func refusedThere() throws {
        let channel = try connection(Gate().forListener(.init(host: "0.0.0.0", port: 1), hosts: nil))
        try ask(channel)
        #expect(try status(channel) == 403 && sink.running == 0)
    }
}

extension InferenceRequest.Input {
    fileprivate init(shared: InferenceRequest.SharedMemorySlice) {
        self.init(name: "x", type: .uint8, shape: [4], bytes: [], sharedMemory: shared)
    }
}
