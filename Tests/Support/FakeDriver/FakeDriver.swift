import CUDADriver
import Foundation

/// The fake driver, with a state of its own: each value opens its own copy of the library.
///
/// The calls that set the stage are in `Tests/Support/FakeCUDA/include/FakeCUDA.h`.
package final class FakeDriver: Sendable {
    /// The copy of the library.
    package let path: String
    private nonisolated(unsafe) let handle: UnsafeMutableRawPointer

    /// Opens a copy of the library.
    package init() throws {
        path = NSTemporaryDirectory() + "fake-cuda-\(UUID().uuidString).so"
        try FileManager.default.copyItem(atPath: Self.original, toPath: path)
        guard let handle = dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
            throw Unusable(reason: String(cString: dlerror()))
        }
        self.handle = handle
        reset()
    }

    /// Stops the fake's thread; the loaded copy stays, as a driver does.
    deinit {
        reset()
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The library, which is built into the folder of the test bundle.
    package static let original: String = {
        let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let folders = [bundle, CommandLine.arguments[0]].map { URL(fileURLWithPath: $0).deletingLastPathComponent() }
        let places = folders.map { $0.appendingPathComponent("libFakeCUDA.so").path }
        return places.first { FileManager.default.fileExists(atPath: $0) } ?? places[0]
    }()

    private func function<T>(_ name: String, as type: T.Type) -> T { unsafeBitCast(dlsym(handle, name)!, to: type) }

    private func set(_ name: String, _ value: Int) {
        function(name, as: (@convention(c) (Int) -> Void).self)(value)
    }

    private func name(_ name: String, _ value: String) {
        function(name, as: (@convention(c) (UnsafePointer<CChar>) -> Void).self)(value)
    }

    private func text(_ name: String, _ index: Int) -> String? {
        function(name, as: (@convention(c) (Int) -> UnsafePointer<CChar>?).self)(index).map { String(cString: $0) }
    }

    private func count(_ name: String) -> Int { function(name, as: (@convention(c) () -> Int).self)() }

    /// Forgets everything.
    package func reset() { function("fake_cuda_reset", as: (@convention(c) () -> Void).self)() }
    /// The version of CUDA, in the driver's form.
    package func setVersion(_ version: Int) { set("fake_cuda_set_version", version) }
    /// The number of devices.
    package func setDevices(_ count: Int) { set("fake_cuda_set_devices", count) }
    /// The number of SMs.
    package func setMultiprocessors(_ count: Int) { set("fake_cuda_set_multiprocessors", count) }
    /// The device's memory in bytes.
    package func setMemory(_ bytes: Int) { set("fake_cuda_set_memory", bytes) }
    /// What starting the driver gives.
    package func setInit(_ result: Int) { set("fake_cuda_set_init", result) }
    /// Whether work is done only when asked for or waited for.
    package func setManual(_ isManual: Bool = true) { set("fake_cuda_set_manual", isManual ? 1 : 0) }
    /// How long each kernel takes.
    package func setKernelTime(nanoseconds: Int) { set("fake_cuda_set_kernel_time", nanoseconds) }
    /// The device uses energy, which NVML counts.
    package func useEnergy(millijoules: Int) { set("fake_cuda_use_energy", millijoules) }
    /// The driver, or NVML, does not have a function.
    package func hide(_ function: String) { name("fake_cuda_hide", function) }
    /// The next work done on the device fails, and every call after it.
    package func lose(_ result: Int) { set("fake_cuda_lose", result) }

    /// The compute capability.
    package func setCapability(_ major: Int, _ minor: Int) {
        function("fake_cuda_set_capability", as: (@convention(c) (Int32, Int32) -> Void).self)(
            Int32(major), Int32(minor))
    }

    /// Does up to so many pieces of work.
    @discardableResult
    package func advance(_ count: Int = 1_000) -> Int {
        Int(function("fake_cuda_advance", as: (@convention(c) (Int32) -> Int32).self)(Int32(count)))
    }

    /// Does up to so many pieces of work of one stream.
    @discardableResult
    package func advance(_ stream: CUDAStream, _ count: Int = 1_000) -> Int {
        let advance = function(
            "fake_cuda_advance_stream", as: (@convention(c) (UnsafeMutableRawPointer, Int32) -> Int32).self)
        return Int(advance(stream.rawValue, Int32(count)))
    }

    /// The pieces of work not done yet.
    package var pending: Int { Int(function("fake_cuda_pending", as: (@convention(c) () -> Int32).self)()) }

    /// The n-th call from now on fails with `result`.
    package func fail(_ n: Int, with result: Int) {
        function("fake_cuda_fail", as: (@convention(c) (Int, Int32) -> Void).self)(n, Int32(result))
    }

    /// The n-th call of a name from now on fails with `result`.
    package func fail(_ call: String, _ n: Int = 1, with result: Int) {
        let fail = function(
            "fake_cuda_fail_named", as: (@convention(c) (UnsafePointer<CChar>, Int, Int32) -> Void).self)
        fail(call, n, Int32(result))
    }

    /// The call that was made to fail.
    package var failed: String? {
        function("fake_cuda_failed", as: (@convention(c) () -> UnsafePointer<CChar>?).self)().map {
            String(cString: $0)
        }
    }

    /// The priority that the last kernel ran at; lower goes first.
    package var kernelPriority: Int {
        Int(function("fake_cuda_kernel_priority", as: (@convention(c) () -> Int32).self)())
    }

    /// The copies of at least a byte that kernels have made.
    package var kernelCopies: Int { count("fake_cuda_kernel_copies") }

    /// The names of all calls so far.
    package var calls: [String] { (0..<count("fake_cuda_calls")).compactMap { text("fake_cuda_call", $0) } }
    /// The rules of CUDA that were broken.
    package var violations: [String] {
        (0..<count("fake_cuda_violations")).compactMap { text("fake_cuda_violation", $0) }
    }
    /// Forgets the violations.
    package func forgive() { function("fake_cuda_forgive", as: (@convention(c) () -> Void).self)() }

    /// The number of living objects of a kind, or of all.
    package func live(_ kind: String? = nil) -> Int {
        guard let kind else { return count("fake_cuda_live_total") }
        return function("fake_cuda_live", as: (@convention(c) (UnsafePointer<CChar>) -> Int).self)(kind)
    }

    /// Opens the driver, with the path given, so that no variable of the environment counts.
    package func open() throws(CUDAError) -> CUDALibrary { try CUDALibrary.open(path: path) }

    /// The context of the first device.
    package func context() throws(CUDAError) -> CUDAContext { try CUDAContext(library: try open()) }

    /// The library cannot be loaded.
    package struct Unusable: Error {
        /// What the loader says.
        package let reason: String
    }
}
