import FakeDriver
import Testing

@testable import CUDADriver

@Suite("Opening the driver")
struct LibraryTests {
    @Test("the version, the devices and their facts are read", arguments: [11_020, 11_080, 12_040, 12_080, 13_000])
    func facts(version: Int) throws {
        let fake = try FakeDriver()
        fake.setVersion(version)
        fake.setDevices(2)
        let library = try fake.open()
        #expect(library.version == CUDAVersion(driverNumber: version))
        #expect(library.deviceCount == 2)
        let facts = try library.facts(ofDevice: 1)
        #expect(facts.index == 1)
        #expect(facts.name == "Fake GPU 1")
        #expect(facts.computeCapability == CUDAVersion(major: 9, minor: 0))
        #expect(facts.multiprocessorCount == 132)
        #expect(facts.totalMemoryBytes == 16 << 30)
        #expect(facts.l2CacheBytes == 50 << 20)
        #expect(facts.busID == "0000:02:00.0")
        #expect(facts.uuid == (version < 11_040 ? nil : "GPU-10111213-1415-1617-1819-1a1b1c1d1e1f"))
        #expect(!facts.isExclusive)
        let missing = try #require(errorOf { try library.facts(ofDevice: 2) })
        #expect(missing.call == "cuDeviceGet" && missing.number == 101)
        #expect(missing.description.contains("finding GPU 2 failed"))
        fake.expectClean()
    }

    @Test("a driver without a device is no error until a device is used")
    func noDevice() throws {
        let fake = try FakeDriver()
        fake.setDevices(0)
        let library = try fake.open()
        #expect(library.deviceCount == 0)
        let error = try #require(errorOf { try CUDAContext(library: library) })
        #expect(error.number == 100 && error.name == "CUDA_ERROR_NO_DEVICE")
        guard case .unavailable(let reason) = CUDADriver.probe(library: fake.path) else {
            Issue.record("no device is no GPU")
            return
        }
        #expect(reason.contains("the CUDA driver is there (CUDA 12.8), but it sees no device"))
        #expect(reason.contains("CUDA_VISIBLE_DEVICES"))
    }

    @Test("devices are probed")
    func probe() throws {
        let fake = try FakeDriver()
        guard case .devices(let devices, let version) = CUDADriver.probe(library: fake.path) else {
            Issue.record("there is a device")
            return
        }
        #expect(devices.map(\.name) == ["Fake GPU 0"])
        #expect(version == CUDAVersion(major: 12, minor: 8))
    }

    @Test("a driver before CUDA 11.0 is too old, with what is needed")
    func tooOld() throws {
        let fake = try FakeDriver()
        fake.setVersion(10_020)
        let error = try #require(errorOf { try fake.open() })
        #expect(error.kind == .driverUnusable)
        #expect(error.description.contains("it knows CUDA 10.2, but 11.0 or later (driver 450) is needed"))
        #expect(error.description.contains("update the NVIDIA driver"))
    }

    @Test("a library without a needed function is named with the function")
    func missingFunction() throws {
        let fake = try FakeDriver()
        fake.hide("cuMemAlloc")
        let error = try #require(errorOf { try fake.open() })
        #expect(error.kind == .driverUnusable)
        #expect(error.text.contains("it has no function cuMemAlloc_v2"))
    }

    @Test(
        "a driver that does not start says why, and what would help",
        arguments: [
            (34, "CUDA_ERROR_STUB_LIBRARY", "the stub"), (304, "CUDA_ERROR_OPERATING_SYSTEM", "/dev/nvidia"),
            (800, "CUDA_ERROR_NOT_PERMITTED", "no right"), (802, "CUDA_ERROR_SYSTEM_NOT_READY", "nvidia-fabricmanager"),
            (805, "CUDA_ERROR_MPS_CONNECTION_FAILED", "nvidia-cuda-mps-control"), (12_345, "", ""),
        ])
    func doesNotStart(result: Int, name: String, advice: String) throws {
        let fake = try FakeDriver()
        fake.fail("cuInit", with: result)
        let error = try #require(errorOf { try fake.open() })
        #expect(error.kind == .callFailed)
        #expect(error.call == "cuInit" && error.number == result && error.name == name)
        #expect(error.description.hasPrefix("starting the CUDA driver failed: cuInit gave error \(result)"))
        for text in [name, advice] where !text.isEmpty { #expect(error.description.contains(text)) }
        #expect((error.advice == nil) == advice.isEmpty)
    }

    @Test("a driver that does not report its version is not used")
    func versionUntold() throws {
        let fake = try FakeDriver()
        fake.fail("cuDriverGetVersion", with: 34)
        let error = try #require(errorOf { try fake.open() })
        #expect(error.call == "cuDriverGetVersion" && error.number == 34)
    }

    @Test("an MPS server that is not ready is asked again, when the driver starts and when a context is opened")
    func notReady() throws {
        let fake = try FakeDriver()
        fake.fail("cuInit", with: 807)
        let library = try CUDALibrary.open(path: fake.path, patience: .seconds(60))
        fake.fail("cuDevicePrimaryCtxRetain", with: 807)
        _ = try CUDAContext(library: library)
        #expect(fake.calls.count { $0 == "cuInit" } == 2)
        #expect(fake.calls.count { $0 == "cuDevicePrimaryCtxRetain" } == 2)
        fake.setInit(807)
        let error = try #require(errorOf { try CUDALibrary.open(path: fake.path, patience: .milliseconds(150)) })
        #expect(error.number == 807 && !error.losesContext)
        #expect(error.description.contains("takes no process while it starts"), "\(error)")
        #expect(fake.calls.count { $0 == "cuInit" } > 3)
        let before = fake.calls.count
        #expect(errorOf { try fake.open() }?.number == 807)
        #expect(fake.calls.count { $0 == "cuInit" } > 0 && fake.calls.count - before <= 2)
        fake.expectClean()
    }

    @Test(
        "a context is lost by what CUDA does not recover from, and by nothing else",
        arguments: [
            (214, true), (220, true), (226, true), (700, true), (702, true), (709, true), (710, true), (714, true),
            (715, true), (716, true), (717, true), (718, true), (719, true), (721, true), (806, true), (810, true),
            (0, false), (2, false), (201, false), (304, false), (400, false), (600, false), (701, false), (704, false),
            (708, false), (711, false), (713, false), (720, false), (800, false), (801, false), (805, false),
            (807, false), (808, false), (809, false), (901, false), (999, false),
        ])
    func losses(number: Int, isLost: Bool) {
        let error = CUDAError(kind: .callFailed, call: "", number: number, name: "", text: "", purpose: "")
        #expect(error.losesContext == isLost)
    }

    @Test("missing features of a driver are reported with the needed version")
    func features() throws {
        let fake = try FakeDriver()
        fake.setVersion(11_020)
        let old = try fake.open()
        #expect(CUDAFeature.allCases.allSatisfy { !old.supports($0) })
        let graphs = try #require(errorOf { try old.require(.graphs) })
        #expect(
            graphs.description == "using CUDA graphs failed: it needs CUDA 11.4 (driver 470) or later, and this driver "
                + "knows CUDA 11.2; update the NVIDIA driver")

        fake.reset()
        fake.setVersion(12_030)
        let newer = try fake.open()
        #expect(newer.supports(.graphs) && !newer.supports(.greenContexts))
        let context = try CUDAContext(library: newer)
        let green = try #require(errorOf { try SMResource(of: context) })
        #expect(green.kind == .featureMissing)
        #expect(green.description.contains("it needs CUDA 12.4 (driver 550) or later, and this driver knows CUDA 12.3"))

        fake.reset()
        fake.hide("cuGreenCtxCreate")
        let partial = try fake.open()
        #expect(!partial.supports(.greenContexts))
        #expect(
            errorOf { try partial.require(.greenContexts) }?.description.contains("of CUDA 12.8, lacks a function")
                == true)
    }
}
