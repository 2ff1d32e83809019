import Foundation
import Synchronization
import Testing

@testable import ONNXRuntime

/// What the functions of a fake table were called with.
private let calls = Mutex<[String]>([])

private func note(_ call: String) { calls.withLock { $0.append(call) } }

private func text(_ pointer: UnsafePointer<CChar>?) -> String { pointer.map { String(cString: $0) } ?? "nil" }

private typealias Texts = UnsafePointer<UnsafePointer<CChar>?>

private func note(_ provider: String, _ keys: Texts?, _ values: Texts?, _ count: Int) {
    for index in 0..<count { note("\(provider) \(text(keys?[index]))=\(text(values?[index]))") }
}

private typealias Make = @convention(c) (UnsafeMutablePointer<OpaquePointer?>?) -> OpaquePointer?
private typealias Release = @convention(c) (OpaquePointer?) -> Void
private typealias SetNumber = @convention(c) (OpaquePointer?, Int32) -> OpaquePointer?
private typealias SetTexts = @convention(c) (OpaquePointer?, Texts?, Texts?, Int) -> OpaquePointer?
private typealias SetText =
    @convention(c) (OpaquePointer?, UnsafePointer<CChar>?, UnsafePointer<CChar>?) -> OpaquePointer?
private typealias SetPointer =
    @convention(c) (OpaquePointer?, UnsafePointer<CChar>?, UnsafeMutableRawPointer?) -> OpaquePointer?
private typealias Append = @convention(c) (OpaquePointer?, OpaquePointer?) -> OpaquePointer?

private let make: Make = { out in
    out?.pointee = OpaquePointer(bitPattern: 1)
    return nil
}
private let setNumber: SetNumber = { _, _ in nil }
private let setText: SetText = { _, _, _ in nil }
private let release: Release = { _ in }
private let releaseTensorRT: Release = { _ in note("release tensorrt") }
private let releaseCUDA: Release = { _ in note("release cuda") }
private let updateTensorRT: SetTexts = { _, keys, values, count in
    note("tensorrt", keys, values, count)
    return nil
}
private let updateCUDA: SetTexts = { _, keys, values, count in
    note("cuda", keys, values, count)
    return nil
}
private let pointTensorRT: SetPointer = { _, key, value in
    note("tensorrt \(text(key))=\(UInt(bitPattern: value))")
    return nil
}
private let pointCUDA: SetPointer = { _, key, value in
    note("cuda \(text(key))=\(UInt(bitPattern: value))")
    return nil
}
private let appendTensorRT: Append = { _, _ in
    note("append tensorrt")
    return nil
}
private let appendCUDA: Append = { _, _ in
    note("append cuda")
    return nil
}

/// A library whose functions, at ONNX Runtime's positions, only write down what they are called with. The table is never
/// freed, as the library's own.
private func fakeAPI() -> API {
    let table = UnsafeMutablePointer<UnsafeRawPointer?>.allocate(capacity: 300)
    table.initialize(repeating: nil, count: 300)
    for position in [10, 171, 205] { table[position] = unsafeBitCast(make, to: UnsafeRawPointer.self) }
    for position in [23, 24] { table[position] = unsafeBitCast(setNumber, to: UnsafeRawPointer.self) }
    table[100] = unsafeBitCast(release, to: UnsafeRawPointer.self)
    table[130] = unsafeBitCast(setText, to: UnsafeRawPointer.self)
    table[170] = unsafeBitCast(appendTensorRT, to: UnsafeRawPointer.self)
    table[172] = unsafeBitCast(updateTensorRT, to: UnsafeRawPointer.self)
    table[174] = unsafeBitCast(releaseTensorRT, to: UnsafeRawPointer.self)
    table[204] = unsafeBitCast(appendCUDA, to: UnsafeRawPointer.self)
    table[206] = unsafeBitCast(updateCUDA, to: UnsafeRawPointer.self)
    table[208] = unsafeBitCast(releaseCUDA, to: UnsafeRawPointer.self)
    table[261] = unsafeBitCast(pointTensorRT, to: UnsafeRawPointer.self)
    table[263] = unsafeBitCast(pointCUDA, to: UnsafeRawPointer.self)
    return API(table: OpaquePointer(table))
}

@Suite("The TensorRT provider")
struct TensorRTProviderTests {
    @Test("its options and stream reach it, and it goes before CUDA's, which runs what it leaves")
    func options() throws {
        let api = fakeAPI()
        var session = SessionOptions()
        let stream = UnsafeMutableRawPointer(bitPattern: 4096)
        session.tensorRT = TensorRTProvider(
            options: ["trt_fp16_enable": "1", "device_id": "2", "trt_engine_cache_path": "/cache"], stream: stream)
        session.cuda = CUDAProvider(options: ["device_id": "2"], stream: stream)
        _ = try session.makeNative(api: api, subject: "a test")
        #expect(
            calls.withLock(\.self) == [
                "tensorrt device_id=2", "tensorrt trt_engine_cache_path=/cache", "tensorrt trt_fp16_enable=1",
                "tensorrt user_compute_stream=4096", "append tensorrt", "release tensorrt",
                "cuda device_id=2", "cuda user_compute_stream=4096", "append cuda", "release cuda",
            ])
        #expect(api.liveHandles.load(ordering: .relaxed) == 0)
    }

    @Test("a library that was built without it says so")
    func missing() throws {
        let environment = try Environment(library: try ONNXRuntimeLibrary.open())
        guard !environment.library.providers.contains("TensorrtExecutionProvider") else { return }
        var options = SessionOptions()
        options.tensorRT = TensorRTProvider(options: ["device_id": "0"])
        let error = try #require(throws: ONNXRuntimeError.self) {
            try Session(environment: environment, model: .bytes([], name: "none"), options: options)
        }
        #expect(error.description.contains("TensorRT"), "\(error)")
    }

    @Test("the versions that it needs are read from its file")
    func needs() throws {
        let folder = try TemporaryFolder()
        let file = URL(fileURLWithPath: folder.path + "/libonnxruntime_providers_tensorrt.so")
        #expect(TensorRTProviderNeeds(path: folder.path + "/libonnxruntime.so") == nil)
        let names = "libnvinfer.so.99\0libnvonnxparser.so.99\0libnvinfer_plugin.so.99\0"
        try Data(names.utf8).write(to: file)
        let needs = try #require(TensorRTProviderNeeds(path: folder.path + "/libonnxruntime.so"))
        #expect(needs.majorVersion == 99)
        #expect(needs.libraries == ["libnvinfer.so.99", "libnvinfer_plugin.so.99", "libnvonnxparser.so.99"])
        #expect(needs.missingLibrary()?.contains("libnvinfer.so.99") == true)
    }
}
