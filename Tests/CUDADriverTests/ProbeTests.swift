import CUDADriver
import Testing

@Suite("Probing for a GPU")
struct ProbeTests {
    @Test("a library that is not there makes CUDA unavailable, with its name")
    func missingLibrary() {
        guard case .unavailable(let reason) = CUDADriver.probe(library: "libcuda-of-nobody.so.1") else {
            Issue.record("a driver that is not there gave devices")
            return
        }
        #expect(reason.contains("libcuda-of-nobody.so.1"))
    }

    @Test("a library that is not the driver makes CUDA unavailable, with the function it lacks")
    func wrongLibrary() {
        guard case .unavailable(let reason) = CUDADriver.probe(library: "libm.so.6") else {
            Issue.record("the mathematics library gave devices")
            return
        }
        #expect(reason.contains("cuDriverGetVersion"))
    }

    @Test("this machine's driver gives devices or a reason")
    func thisMachine() {
        switch CUDADriver.probe() {
        case .unavailable(let reason):
            #expect(!reason.isEmpty)
        case .devices(let devices, let version):
            #expect(!devices.isEmpty)
            #expect(version.major >= 10)
            #expect(devices.allSatisfy { $0.multiprocessorCount > 0 && $0.totalMemoryBytes > 0 && !$0.name.isEmpty })
        }
    }
}
