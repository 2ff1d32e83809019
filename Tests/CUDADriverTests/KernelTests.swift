import FakeDriver
import Testing

@testable import CUDADriver

@Suite("Kernels")
struct KernelTests {
    @Test("what the compiler says is in the error")
    func compilerLog() throws {
        let fake = try FakeDriver()
        let context = try fake.context()
        let error = try #require(errorOf { try CUDAModule(context: context, ptx: "nonsense") })
        #expect(error.call == "cuModuleLoadDataEx" && error.number == 218)
        #expect(error.description.contains("ptxas fatal : Missing .version or .target directive"))
        fake.setCapability(6, 0)
        let target = try #require(
            errorOf { try CUDAModule(context: context, ptx: ".version 8.0\n.target sm_90\n.entry f() {}") })
        #expect(target.number == 209 && target.description.contains("The target is newer than the GPU"))
        #expect(fake.live("module") == 0)
    }

    @Test("a kernel that is not there is named")
    func missingKernel() throws {
        let fake = try FakeDriver()
        let module = try CUDAModule(context: try fake.context(), ptx: ".version 6.0\n.target sm_60\n.entry f() {}")
        let error = try #require(errorOf { try module.function("g") })
        #expect(error.call == "cuModuleGetFunction")
        #expect(error.description.contains("finding the kernel 'g' failed"))
    }

    @Test(
        "the kernel that maps SMs is compiled for old and new devices",
        arguments: [(6, 0, "sm_60"), (7, 0, "sm_60"), (7, 5, "sm_75"), (9, 0, "sm_75"), (12, 0, "sm_75")])
    func targets(major: Int, minor: Int, target: String) throws {
        let fake = try FakeDriver()
        fake.setCapability(major, minor)
        fake.setMultiprocessors(68)
        do {
            let context = try fake.context()
            #expect(SMMap.ptx(computeCapability: context.device.computeCapability).contains(".target \(target)\n"))
            let stream = try CUDAStream(context: context)
            #expect(try SMMap(context: context).multiprocessors(of: stream) == Array(0..<68))
        }
        fake.expectClean()
    }
}
