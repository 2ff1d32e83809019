import Foundation
import Synchronization
import Testing

@testable import DarisRuntime

@Suite("The cache", .timeLimit(.minutes(15)))
struct CacheFolderTests {
    private func write(_ text: String, _ path: String) throws {
        try text.write(toFile: path, atomically: false, encoding: .utf8)
    }

    private func text(_ cache: CacheFolder, _ entry: String) -> String? {
        try? String(contentsOfFile: cache.path(entry) + "/file", encoding: .utf8)
    }

    @Test("an entry is there once it has been made, and leaves nothing else behind")
    func make() throws {
        let folder = try TemporaryFolder()
        let cache = CacheFolder(path: folder.path + "/deep/cache")
        #expect(!cache.has("things/a"))
        try cache.make("things/a") { try write("content", $0 + "/file") }
        #expect(cache.has("things/a") && text(cache, "things/a") == "content")
        #expect(try FileManager.default.contentsOfDirectory(atPath: cache.path("things")) == ["a"])
    }

    @Test("an entry of which a file was changed, cut short or removed is not there", arguments: 0..<5)
    func damaged(kind: Int) throws {
        let folder = try TemporaryFolder()
        let cache = CacheFolder(path: folder.path)
        try cache.make("a") { try write("content", $0 + "/file") }
        let path = cache.path("a")
        switch kind {
        case 0: try write("Content", path + "/file")
        case 1: try write("conten", path + "/file")
        case 2: try FileManager.default.removeItem(atPath: path + "/file")
        case 3: try write("{", path + "/checksums.json")
        default: try FileManager.default.removeItem(atPath: path + "/checksums.json")
        }
        #expect(!cache.has("a"))
        try cache.make("a") { try write("content", $0 + "/file") }
        #expect(cache.has("a") && text(cache, "a") == "content")
    }

    @Test("what killed makers left behind goes once it is old, and what is being made stays")
    func abandoned() throws {
        let folder = try TemporaryFolder()
        let cache = CacheFolder(path: folder.path)
        try cache.make("stages/a") { try write("content", $0 + "/file") }
        for name in ["old.part", "new.part"] {
            let part = cache.path("stages/" + name)
            try FileManager.default.createDirectory(atPath: part, withIntermediateDirectories: true)
            try write("half", part + "/file")
        }
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -7_200)], ofItemAtPath: cache.path("stages/old.part"))
        cache.removeAbandoned()
        #expect(Set(try FileManager.default.contentsOfDirectory(atPath: cache.path("stages"))) == ["a", "new.part"])
    }

    @Test("an entry with a file that its list lacks, or with a link for a file, is not there", arguments: 0..<4)
    func unlisted(kind: Int) throws {
        let folder = try TemporaryFolder()
        let cache = CacheFolder(path: folder.path + "/cache")
        try cache.make("a") { try write("content", $0 + "/file") }
        #expect(cache.files(of: "a") == ["file"])
        let path = cache.path("a")
        switch kind {
        case 0: try write("more", path + "/weights")
        case 1: try write("{}", path + "/checksums.json")
        case 2:
            try FileManager.default.moveItem(atPath: path + "/file", toPath: folder.path + "/file")
            try FileManager.default.createSymbolicLink(
                atPath: path + "/file", withDestinationPath: folder.path + "/file")
        default:
            try FileManager.default.moveItem(atPath: path, toPath: folder.path + "/a")
            try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: folder.path + "/a")
        }
        #expect(!cache.has("a"))
    }

    @Test(
        "what others own or may write is not used, nor written to",
        arguments: ["", "/things", "/things/a", "/things/a/file", "/things/value.json"])
    func others(place: String) throws {
        let folder = try TemporaryFolder()
        let cache = CacheFolder(path: folder.path + "/cache")
        try cache.make("things/a") { try write("content", $0 + "/file") }
        cache.write([1], to: "things/value.json")
        let isValue = place.hasSuffix("json")
        func isUsed() -> Bool {
            isValue ? cache.read("things/value.json", as: [Int].self) != nil : cache.has("things/a")
        }
        let path = cache.path + place
        let mode: mode_t = place.contains("file") || isValue ? 0o600 : 0o700
        #expect(isUsed())
        chmod(path, mode | 0o002)
        #expect(!isUsed())
        if place.isEmpty {
            let error = #expect(throws: PreparationError.self) { try cache.make("b") { _ in } }
            #expect(error?.description.contains("\(path) may be written by every user") == true)
            cache.write([2], to: "c.json")
            #expect(!FileManager.default.fileExists(atPath: path + "/c.json"))
        }
        chmod(path, mode)
        #expect(isUsed())
        guard geteuid() == 0 else { return }
        chown(path, 4321, 4321)
        #expect(!isUsed())
    }

    @Test("files and folders are made for this user alone")
    func modes() throws {
        let folder = try TemporaryFolder()
        let cache = CacheFolder(path: folder.path + "/cache")
        try cache.make("things/a") { try write("content", $0 + "/file") }
        cache.write([1], to: "things/value.json")
        for place in ["", "/things", "/things/a", "/things/a/file", "/things/a/checksums.json", "/things/value.json"] {
            var facts = stat()
            #expect(lstat(cache.path + place, &facts) == 0 && facts.st_mode & 0o077 == 0, "\(place)")
        }
    }

    @Test("the user's cache is where it belongs; without one that can be trusted there is a private one, and a notice")
    func standard() throws {
        let folder = try TemporaryFolder()
        func cache(_ environment: [String: String]) -> CacheFolder {
            .standard(isFresh: false, environment: environment)
        }
        let own = cache(["HOME": folder.path])
        #expect(own.path == folder.path + "/.cache/daris" && own.notice == nil)
        #expect(cache(["HOME": "/none", "XDG_CACHE_HOME": folder.path]).path == folder.path + "/daris")
        let none = [[:], ["HOME": ""], ["HOME": "relative"]].map(cache)
        var facts = stat()
        for cache in none {
            #expect(cache.notice?.contains("neither XDG_CACHE_HOME nor HOME names a folder") == true)
            #expect(lstat(cache.path, &facts) == 0 && facts.st_mode == S_IFDIR | 0o700 && facts.st_uid == geteuid())
        }
        try FileManager.default.createDirectory(atPath: folder.path + "/daris", withIntermediateDirectories: false)
        chmod(folder.path + "/daris", 0o777)
        let planted = cache(["XDG_CACHE_HOME": folder.path])
        #expect(planted.path == none[0].path)
        #expect(planted.notice?.contains("\(folder.path)/daris may be written by every user") == true)
    }

    @Test("the cache may be a link of the user's own, but its entries may not")
    func link() throws {
        let folder = try TemporaryFolder()
        let cache = CacheFolder(path: folder.path + "/cache")
        try FileManager.default.createDirectory(
            atPath: folder.path + "/real", withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700])
        try FileManager.default.createSymbolicLink(
            atPath: cache.path, withDestinationPath: folder.path + "/real")
        try cache.make("a") { try write("content", $0 + "/file") }
        #expect(cache.has("a"))
        guard geteuid() == 0 else { return }
        lchown(cache.path, 4321, 4321)
        #expect(!cache.has("a"))
    }

    @Test("what a body throws is thrown on, and nothing is left of the entry")
    func failingBody() throws {
        let folder = try TemporaryFolder()
        let cache = CacheFolder(path: folder.path)
        #expect(throws: PreparationError.self) {
            try cache.make("a") { _ in throw PreparationError.noLoad("no") }
        }
        #expect(throws: PreparationError.self) { try cache.make("a") { _ in throw CocoaError(.fileNoSuchFile) } }
        #expect(!cache.has("a"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }

    @Test("of many who make an entry at once the first one's stays")
    func atOnce() async throws {
        let folder = try TemporaryFolder()
        let arrived = Atomic<Int>(0)
        let threads = (0..<8).map { number in
            DedicatedThread.required(.init(name: "make")) {
                // One cache each, as processes have.
                let cache = CacheFolder(path: folder.path)
                do {
                    try cache.make("a") { work in
                        for file in 0..<20 { try write("\(number)", work + "/file\(file)") }
                        // Nobody is done before everybody has begun.
                        arrived.add(1, ordering: .sequentiallyConsistent)
                        while arrived.load(ordering: .sequentiallyConsistent) < 8 {}
                    }
                } catch {
                    Issue.record("\(error)")
                }
                if !cache.has("a") { Issue.record("the entry is not there") }
            }
        }
        await onThread { for thread in threads { thread.join() } }
        let texts = try (0..<20).map { try String(contentsOfFile: folder.path + "/a/file\($0)", encoding: .utf8) }
        #expect(Set(texts).count == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == [".lock", "a"])
    }

    @Test("a fresh cache passes over what it finds, but not over what was made through it")
    func fresh() throws {
        let folder = try TemporaryFolder()
        try CacheFolder(path: folder.path).make("a") { try write("old", $0 + "/file") }
        let cache = CacheFolder(path: folder.path, isFresh: true)
        let copy = cache
        #expect(!cache.has("a"))
        try cache.make("a") { try write("new", $0 + "/file") }
        #expect(copy.has("a") && text(cache, "a") == "new")
        #expect(text(CacheFolder(path: folder.path), "a") == "new")
    }

    @Test("a folder that cannot be written is an error that says what to do")
    func unwritable() throws {
        let folder = try TemporaryFolder()
        try write("a file in the way", folder.path + "/cache")
        let cache = CacheFolder(path: folder.path + "/cache")
        let error = #expect(throws: PreparationError.self) { try cache.make("a") { _ in } }
        let text = error?.description ?? ""
        #expect(text.contains(cache.path("a")) && text.contains("is no folder") && text.contains("XDG_CACHE_HOME"))
        cache.write([1], to: "b.json")
        #expect(cache.read("b.json", as: [Int].self) == nil)
    }

    @Test("values are read back, and what cannot be read is as if it were not there")
    func values() throws {
        let folder = try TemporaryFolder()
        let cache = CacheFolder(path: folder.path)
        #expect(cache.read("b/c.json", as: [Int].self) == nil)
        cache.write([1, 2], to: "b/c.json")
        #expect(cache.read("b/c.json", as: [Int].self) == [1, 2])
        #expect(cache.read("b/c.json", as: [String].self) == nil)
        #expect(CacheFolder(path: folder.path, isFresh: true).read("b/c.json", as: [Int].self) == nil)
        try write("[1, 2", folder.path + "/b/c.json")
        #expect(cache.read("b/c.json", as: [Int].self) == nil)
    }
}
