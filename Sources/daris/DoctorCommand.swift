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
        let rights = SystemRights.probe()
        let cores = rights.processors
        print("processor      \(CPUFacts.name)")
        print("cores          \(cores.count) usable by this process (\(cores.map(String.init).joined(separator: ", ")))")
        print("core affinity  threads can be tied to cores")
        print("real time      " + (rights.fifo ? "SCHED_FIFO is allowed" : "no right to SCHED_FIFO (CAP_SYS_NICE or 'ulimit -r')"))
        print("memory lock    " + (rights.memoryLock ? "allowed" : "limited (CAP_IPC_LOCK or 'ulimit -l unlimited')"))
        print("cache          \(CacheFolder.standard().path)")
        var isUsable = true
        do throws(ONNXRuntimeError) {
            let library = try ONNXRuntimeLibrary.open()
            print("ONNX Runtime   \(library.version) from \(library.path)")
            print("               providers: \(library.providers.joined(separator: ", "))")
            if library.version != ONNXRuntimeLibrary.testedVersion {
                print("               Daris is tested with \(ONNXRuntimeLibrary.testedVersion)")
            }
        } catch {
            isUsable = false
            print("ONNX Runtime   \(error)")
        }
        switch CUDADriver.probe() {
        case .unavailable(let reason):
            print("GPU            none: \(reason)")
        case .devices(let devices, let version):
            print("GPU            CUDA driver \(version)")
            for device in devices {
                print(
                    "               \(device.index): \(device.name), compute capability \(device.computeCapability), "
                        + "\(device.multiprocessorCount) SMs, \(device.totalMemoryBytes >> 30) GiB")
            }
            print("               this version runs on the CPU only")
        }
        if !isUsable { throw ExitCode(1) }
    }
}
