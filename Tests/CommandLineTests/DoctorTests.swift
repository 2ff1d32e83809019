import Foundation
import Testing

@Suite("daris doctor on GPUs")
struct DoctorTests {
    /// The fake driver, which is built into the folder of the executable.
    private static let fake = Workplace.executableFolder + "/libFakeCUDA.so"

    private func doctor(_ arguments: [String] = [], _ settings: [String: String] = [:]) throws -> CommandResult {
        var environment = settings.merging(["FAKE_CUDA_TELL": "1"]) { $1 }
        for name in ["DARIS_CUDA_DRIVER", "DARIS_NVML"] where environment[name] == nil { environment[name] = Self.fake }
        return try Workplace().daris(["doctor"] + arguments, environment: environment)
    }

    @Test("a GPU is shown with its figures and the kinds of partition")
    func shown() throws {
        let result = try doctor()
        #expect(result.exitCode == 0 && result.errors.isEmpty, "\(result.errors)")
        for text in [
            "GPU            CUDA 12.8 of driver 570.86.15\n",
            "0: Fake GPU 0, compute capability 9.0, 132 SMs, 16 GiB, L2 50 MiB\n",
            "1024 MiB in use, 75 % busy, SMs at 1980 MHz, memory at 2619 MHz, 251 W, 41 °C\n",
            "partitions     streams: yes\n", "green: yes\n", "mps: no, nvidia-cuda-mps-control is not in PATH\n",
        ] {
            #expect(result.output.contains(text), "\(result.output)")
        }
    }

    @Test("a process for one context reports its SMs, for the map under MPS")
    func processMap() throws {
        let environment = ["DARIS_CUDA_DRIVER": Self.fake, "FAKE_CUDA_TELL": "1"]
        let result = try Workplace().daris(["worker", "--sm-map", "0"], environment: environment)
        #expect(result.exitCode == 0 && result.errors.isEmpty, "\(result.errors)")
        #expect(result.output.split(whereSeparator: \.isWhitespace).compactMap { Int($0) } == Array(0..<132))
        let none = try Workplace().daris(["worker", "--sm-map", "9"], environment: environment)
        #expect(none.exitCode == 1 && none.errors.hasPrefix("error: "), "\(none.errors)")
    }

    @Test("a GPU for one process at a time is shown as such")
    func exclusive() throws {
        let words = "compute mode EXCLUSIVE_PROCESS: one process at a time, or those of one MPS server\n"
        #expect(try doctor([], ["FAKE_CUDA_MODE": "3"]).output.contains(words))
        #expect(try !doctor().output.contains("EXCLUSIVE"))
    }

    @Test("without NVML the GPU is still shown")
    func noNVML() throws {
        let result = try doctor([], ["DARIS_NVML": "libnvidia-ml-of-nobody.so.1"])
        #expect(result.exitCode == 0)
        #expect(result.output.contains("no figures: NVML's library cannot be used"))
    }

    @Test("a driver before CUDA 12.4 has no green contexts, and says what is needed")
    func oldDriver() throws {
        let result = try doctor([], ["FAKE_CUDA_VERSION": "12020"])
        #expect(
            result.output.contains(
                "green: no, it needs CUDA 12.4 (driver 550) or later, and this driver knows CUDA 12.2\n"))
        let map = try doctor(["--sm-map"], ["FAKE_CUDA_VERSION": "12020"])
        #expect(map.exitCode == 1 && map.output.isEmpty)
        #expect(map.errors.contains("the SM map needs a GPU with green contexts"))
    }

    @Test(
        "why a GPU cannot be used is said precisely",
        arguments: [
            (["DARIS_CUDA_DRIVER": "libcuda-of-nobody.so.1"], "install the NVIDIA driver"),
            (["FAKE_CUDA_DEVICES": "0"], "the CUDA driver is there (CUDA 12.8), but it sees no device"),
            (["FAKE_CUDA_VERSION": "10020"], "it knows CUDA 10.2, but 11.0 or later (driver 450) is needed"),
            (["FAKE_CUDA_INIT": "800"], "cuInit gave error 800 (CUDA_ERROR_NOT_PERMITTED"),
            (["FAKE_CUDA_INIT": "802"], "start nvidia-fabricmanager"),
        ])
    func unusable(settings: [String: String], text: String) throws {
        let result = try doctor([], settings)
        #expect(result.exitCode == 0, "the CPU is usable")
        #expect(result.output.contains("\nGPU            none: "))
        #expect(result.output.contains(text), "\(result.output)")
        let map = try doctor(["--sm-map"], settings)
        #expect(map.exitCode == 1 && map.output.isEmpty && map.errorLines.count == 1)
        #expect(map.errors.hasPrefix("error: the SM map needs a GPU with green contexts: "))
    }

    @Test("the SM map is shown and proven")
    func map() throws {
        let result = try doctor(["--sm-map", "--contexts", "4", "--oversubscription", "2"])
        #expect(result.exitCode == 0 && result.errors.isEmpty, "\(result.errors)")
        #expect(result.output.hasPrefix("Fake GPU 0: 132 SMs in 16 groups of 8"))
        let rows = result.output.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
        #expect(rows.contains("1 4-11 64 64 32-95"))
        #expect(rows.contains("3 0-3, 12-15 64 64 0-31, 96-127"))
        #expect(rows.last == "proven: every context runs on its promised SMs, shared ones included")
    }

    @Test("arguments of the SM map are checked")
    func arguments() throws {
        #expect(try doctor(["--contexts", "2"]).exitCode == 2)
        #expect(try doctor(["--sm-map", "--contexts", "0"]).exitCode == 2)
        let beyond = try doctor(["--sm-map", "--contexts", "2", "--oversubscription", "3"])
        #expect(beyond.exitCode == 2)
        #expect(
            beyond.errorLines == ["error: --oversubscription must be from 1 to the number of contexts, 2"])
    }
}
