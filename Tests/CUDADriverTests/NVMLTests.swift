import FakeDriver
import Testing

@testable import CUDADriver

@Suite("NVML")
struct NVMLTests {
    private static let busID = "0000:01:00.0"

    @Test("NVML's figures are read")
    func figures() throws {
        let fake = try FakeDriver()
        do {
            let library = try NVMLLibrary.open(path: fake.path)
            #expect(library.driverVersion == "570.86.15")
            let readings = try library.device(busID: Self.busID).readings()
            #expect(
                readings
                    == NVMLReadings(
                        name: "Fake GPU 0", usedMemoryBytes: 1 << 30, totalMemoryBytes: 16 << 30, watts: 250.5,
                        joules: 1234.5, celsius: 41, multiprocessorMegahertz: 1_980, memoryMegahertz: 2_619,
                        utilisation: 0.75, memoryUtilisation: 0.4))
        }
        fake.expectClean()
    }

    @Test("a figure that fails or is not supported does not affect the others")
    func unsupported() throws {
        let fake = try FakeDriver()
        let device = try NVMLLibrary.open(path: fake.path).device(busID: Self.busID)
        let all = device.readings()
        fake.hide("nvmlDeviceGetTotalEnergyConsumption")
        var expected = all
        expected.joules = nil
        #expect(device.readings() == expected)
        #expect(device.joules() == nil)
        let count = fake.calls.count
        _ = device.readings()
        for n in 1...fake.calls.count - count {
            fake.fail(n, with: 999)
            #expect(Self.figures(device.readings()) < Self.figures(all))
            #expect(fake.failed != nil)
        }
        #expect(fake.violations.isEmpty)
    }

    @Test("a library that does not open or start is an error with the reason")
    func failures() throws {
        let fake = try FakeDriver()
        #expect(throws: NVMLError.self) { try NVMLLibrary.open(path: "libnvidia-ml-of-nobody.so.1") }
        let wrong = try #require(throws: NVMLError.self) { try NVMLLibrary.open(path: "libm.so.6") }
        #expect(wrong.description.contains("it has no function nvmlInit_v2"))
        fake.fail("nvmlInit_v2", with: 9)
        let unstarted = try #require(throws: NVMLError.self) { try NVMLLibrary.open(path: fake.path) }
        #expect(unstarted.description == "NVML's nvmlInit gave error 9 (Unknown Error)")
        let library = try NVMLLibrary.open(path: fake.path)
        let unknown = try #require(throws: NVMLError.self) { try library.device(busID: "0000:ff:00.0") }
        #expect(unknown.call == "nvmlDeviceGetHandleByPciBusId")
        #expect(fake.violations.isEmpty)
    }

    @Test("a meter gives the energy since a reading, and an inference's share of it")
    func meter() throws {
        let fake = try FakeDriver()
        do {
            let meter = EnergyMeter(busID: Self.busID, path: fake.path)
            #expect(meter.watts == 250.5)
            let before = try #require(meter.joules)
            #expect(meter.joules(since: before) == nil, "a counter that stands still has no figure")
            fake.useEnergy(millijoules: 12_500)
            #expect(meter.joules(since: before) == 12.5)
            #expect(meter.joules(since: before, inferences: 50) == 0.25)
            #expect(meter.joules(since: before, inferences: 0) == nil && meter.joules(since: nil) == nil)
            fake.hide("nvmlDeviceGetTotalEnergyConsumption")
            #expect(meter.joules == nil && meter.joules(since: before) == nil && meter.watts == 250.5)
        }
        fake.expectClean()
    }

    @Test("without NVML, or for another device, a meter has no readings")
    func noMeter() throws {
        let fake = try FakeDriver()
        for meter in [
            EnergyMeter(busID: nil, path: fake.path), EnergyMeter(busID: "0000:ff:00.0", path: fake.path),
            EnergyMeter(busID: Self.busID, path: "libnvidia-ml-of-nobody.so.1"),
        ] { #expect(meter.joules == nil && meter.watts == nil && meter.readings == nil) }
        #expect(fake.violations.isEmpty)
    }

    private static func figures(_ readings: NVMLReadings) -> Int {
        Mirror(reflecting: readings).children.count { !"\($0.value)".hasPrefix("nil") }
    }
}
