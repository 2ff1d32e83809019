import Foundation

/// Finds the program that workers run: `daris`.
enum WorkerExecutable {
    /// The program's path.
    ///
    /// - Parameters:
    ///   - chosen: what must be used, if given.
    ///   - running: the program of this process.
    ///   - searchPath: folders to look in last, as in `PATH`.
    static func find(
        _ chosen: String? = nil, running: String? = runningProgram,
        searchPath: String = ProcessInfo.processInfo.environment["PATH"] ?? ""
    ) throws(DeviceError) -> String {
        let files = FileManager.default
        if let chosen {
            guard files.isExecutableFile(atPath: chosen) else { throw DeviceError("'\(chosen)' is no program") }
            return chosen
        }
        // The program of this process is there even if its file has been replaced meanwhile.
        if let running, name(of: running) == "daris" { return "/proc/self/exe" }
        let beside = running.map { [URL(fileURLWithPath: $0).deletingLastPathComponent().path] } ?? []
        let folders = beside + searchPath.split(separator: ":").map(String.init)
        for folder in folders where folder.hasPrefix("/") {
            let path = folder + "/daris"
            if files.isExecutableFile(atPath: path) { return path }
        }
        throw DeviceError(
            "worker processes run the program 'daris', which is neither beside this program nor in PATH; install it "
                + "there, or name it by the option workerExecutable")
    }

    private static var runningProgram: String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    }

    private static func name(of path: String) -> String {
        URL(fileURLWithPath: path).lastPathComponent.replacing(" (deleted)", with: "")
    }
}
