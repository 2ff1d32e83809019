import CDarisSystem
import Foundation

/// The folder of an MPS daemon's pipes and logs. A lock in it, which the system takes back however its process ends, tells
/// those in use from those that are left over.
struct MPSFolder: Sendable {
    /// Where it is.
    let path: String
    private let lock: Int32

    private static let prefix = "daris-mps-"

    /// Makes one for this process.
    static func make(in root: String) throws(DeviceError) -> MPSFolder {
        let name = "\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        // Nobody may find it before it is locked.
        let hidden = "\(root)/daris-starting-\(name)"
        let path = "\(root)/\(prefix)\(name)"
        do {
            for name in ["pipe", "log"] {
                try FileManager.default.createDirectory(
                    atPath: hidden + "/" + name, withIntermediateDirectories: true,
                    attributes: [.posixPermissions: 0o700])
            }
        } catch {
            throw DeviceError("a folder for it cannot be made: \(error)")
        }
        let lock = daris_lock_file(hidden + "/owner")
        guard lock >= 0, rename(hidden, path) == 0 else {
            let reason = String(cString: strerror(errno))
            daris_unlock_file(lock)
            try? FileManager.default.removeItem(atPath: hidden)
            throw DeviceError("a folder for it cannot be made: \(path): \(reason)")
        }
        return MPSFolder(path: path, lock: lock)
    }

    /// Those of this user whose processes have ended without removing them; whoever asks must.
    static func abandoned(in root: String) -> [MPSFolder] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        return names.filter { $0.hasPrefix(prefix) }.compactMap { name in
            let path = root + "/" + name
            var facts = stat()
            guard lstat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR, facts.st_uid == geteuid() else {
                return nil
            }
            let lock = daris_try_lock_file(path + "/owner")
            return lock >= 0 ? MPSFolder(path: path, lock: lock) : nil
        }
    }

    /// Removes it, and all that is in it.
    func remove() {
        try? FileManager.default.removeItem(atPath: path)
        daris_unlock_file(lock)
    }

    /// The file that the daemon's own words go to.
    var wordsPath: String { path + "/log/daemon.txt" }

    /// The first line of them.
    var firstWords: String {
        let said = (try? String(contentsOfFile: wordsPath, encoding: .utf8)) ?? ""
        return said.split(separator: "\n").first.map(String.init) ?? "it said nothing"
    }

    /// What tells the daemon and its clients of the folder.
    var variables: [String: String] { Self.variables(path) }

    static func variables(_ path: String) -> [String: String] {
        ["CUDA_MPS_PIPE_DIRECTORY": path + "/pipe", "CUDA_MPS_LOG_DIRECTORY": path + "/log"]
    }
}
