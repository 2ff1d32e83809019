import ArgumentParser
import CUDADriver
import DarisRuntime
import Foundation
import ONNXRuntime

/// `daris doctor`.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Show what this machine offers, and what is missing.",
        discussion: "Exit code 0 if task sets can be run here, 1 if not.")

    func run() throws {
        var lines: [String] = []
        func say(_ line: String) { lines.append(line) }

        let rights = SystemRights.probe()
        let cores = rights.processors
        say("processor      \(CPUFacts.name)")
        say("cores          \(cores.count) usable by this process (\(cores.map(String.init).joined(separator: ", ")))")
        say("core affinity  threads can be tied to cores")
        say(
            "real time      "
                + (rights.fifo ? "SCHED_FIFO is allowed" : "no right to SCHED_FIFO (CAP_SYS_NICE or 'ulimit -r')"))
        say("memory lock    " + (rights.memoryLock ? "allowed" : "limited (CAP_IPC_LOCK or 'ulimit -l unlimited')"))
        say("cache          \(CacheFolder.standard().path)")
        var isUsable = true
        do throws(ONNXRuntimeError) {
            let library = try ONNXRuntimeLibrary.open()
            say("ONNX Runtime   \(library.version) from \(library.path)")
            say("               providers: \(library.providers.joined(separator: ", "))")
            if library.version != ONNXRuntimeLibrary.testedVersion {
                say("               Daris is tested with \(ONNXRuntimeLibrary.testedVersion)")
            }
        } catch {
            isUsable = false
            say("ONNX Runtime   \(error)")
        }
        switch CUDADriver.probe() {
        case .unavailable(let reason):
            say("GPU            none: \(reason)")
        case .devices(let devices, let version):
            say("GPU            CUDA driver \(version)")
            for device in devices {
                say(
                    "               \(device.index): \(device.name), compute capability \(device.computeCapability), "
                        + "\(device.multiprocessorCount) SMs, \(device.totalMemoryBytes >> 30) GiB")
            }
            say("               this version runs on the CPU only")
        }
        try Terminal.print(lines.joined(separator: "\n"))
        if !isUsable { throw ExitCode(1) }
    }
}
