//! A file as memory.
//!
//! Where another process shortens a mapped file, reading behind its new end raises SIGBUS, whose usual answer ends the
//! process. Ours puts zeros where the file was, and marks the map: the reader goes on, and whoever asks
//! [`Map::is_torn`] after a walk throws its numbers away. Windows lets nobody shorten a file that is mapped.

use std::fs::File;
use std::io;
use std::ops::Deref;

use memmap2::Mmap;

/// A file that is mapped to be read.
#[derive(Debug)]
pub(super) struct Map {
    /// Dropped first: no fault may be mended in memory that was given back.
    #[cfg(unix)]
    watch: fault::Watch,
    memory: Mmap,
}

impl Map {
    pub fn of(file: &File) -> io::Result<Self> {
        // SAFETY: the map is only read, and no reference to it outlives it. Another process may write to the file
        // meanwhile: any bytes are sound numbers, and the reader compares the file's stamp before it trusts them.
        let memory = unsafe { Mmap::map(file) }?;
        Ok(Self {
            #[cfg(unix)]
            watch: fault::Watch::over(&memory),
            memory,
        })
    }

    /// Whether a part of the file was gone when it was read.
    pub fn is_torn(&self) -> bool {
        #[cfg(unix)]
        {
            self.watch.is_torn()
        }
        #[cfg(not(unix))]
        {
            false
        }
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory
    }
}

/// The answer to SIGBUS, as of libwayland's shared memory and Meta's indexedlog. What runs in a signal handler may take
/// no lock and no memory: maps are known to it through a list of atomics that only grows.
#[cfg(unix)]
mod fault {
    use std::ptr;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

    use libc::{c_int, c_void, sigaction, siginfo_t};

    /// One map, or none.
    #[derive(Debug)]
    struct Slot {
        /// Address of the first byte, or [`FREE`] or [`TAKEN`].
        begin: AtomicUsize,
        /// Behind the last page.
        end: AtomicUsize,
        is_torn: AtomicBool,
        next: OnceLock<Box<Self>>,
    }

    const FREE: usize = 0;
    const TAKEN: usize = 1;

    static SLOTS: Slot = Slot::new();

    impl Slot {
        const fn new() -> Self {
            Self {
                begin: AtomicUsize::new(FREE),
                end: AtomicUsize::new(0),
                is_torn: AtomicBool::new(false),
                next: OnceLock::new(),
            }
        }

        /// The end of the map that holds an address which is mapped for as long as this runs.
        fn end_around(&self, address: usize) -> Option<usize> {
            let (begin, end) = (self.begin.load(SeqCst), self.end.load(SeqCst));
            // If the slot went to another map in between, `end` may not belong to `begin`.
            let is_one_map = begin > TAKEN && self.begin.load(SeqCst) == begin;
            (is_one_map && (begin..end).contains(&address)).then_some(end)
        }
    }

    /// A map that may be mended, for as long as this lives.
    #[derive(Debug)]
    pub(super) struct Watch(&'static Slot);

    impl Watch {
        pub fn over(memory: &[u8]) -> Self {
            let page = *PAGE_BYTES.get_or_init(install);
            let begin = memory.as_ptr().addr();
            let mut slot = &SLOTS;
            while slot.begin.compare_exchange(FREE, TAKEN, SeqCst, SeqCst).is_err() {
                slot = slot.next.get_or_init(|| Box::new(Slot::new()));
            }
            slot.is_torn.store(false, SeqCst);
            slot.end.store((begin + memory.len()).next_multiple_of(page), SeqCst);
            slot.begin.store(begin, SeqCst);
            Self(slot)
        }

        pub fn is_torn(&self) -> bool {
            self.0.is_torn.load(SeqCst)
        }
    }

    impl Drop for Watch {
        fn drop(&mut self) {
            self.0.begin.store(FREE, SeqCst);
        }
    }

    static PAGE_BYTES: OnceLock<usize> = OnceLock::new();
    static EARLIER: OnceLock<sigaction> = OnceLock::new();

    /// Answers SIGBUS from now on; returns the size of a page.
    fn install() -> usize {
        // SAFETY: `sigaction` reads and writes structs of its own kind, all of whose bytes may be 0; the handler has the
        // signature that SA_SIGINFO asks for. `sysconf` touches nothing.
        unsafe {
            let mut ours: sigaction = std::mem::zeroed();
            let mut earlier: sigaction = std::mem::zeroed();
            let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = on_bus_error;
            ours.sa_sigaction = handler as usize;
            ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            sigaction(libc::SIGBUS, &raw const ours, &raw mut earlier);
            EARLIER.get_or_init(|| earlier);
            usize::try_from(libc::sysconf(libc::_SC_PAGESIZE)).unwrap_or(1 << 12)
        }
    }

    extern "C" fn on_bus_error(_: c_int, info: *mut siginfo_t, _: *mut c_void) {
        // SAFETY: the kernel gives a valid `info`.
        let address = unsafe { (*info).si_addr() }.addr();
        if !mend(address) {
            // Not ours: it happens anew, and is answered as it was before us.
            if let Some(earlier) = EARLIER.get() {
                // SAFETY: it is what `sigaction` gave.
                unsafe { sigaction(libc::SIGBUS, earlier, ptr::null_mut()) };
            }
        }
    }

    /// Puts zeros from the page of an address to the end of its map.
    fn mend(address: usize) -> bool {
        let Some(page) = PAGE_BYTES.get() else { return false };
        let mut slot = Some(&SLOTS);
        while let Some(this) = slot {
            if let Some(end) = this.end_around(address) {
                this.is_torn.store(true, SeqCst);
                let begin = address - address % page;
                let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
                let at = ptr::with_exposed_provenance_mut(begin);
                // SAFETY: these pages are part of one map, which lives: its owner is reading it in this very thread. It
                // is only read, so zeros may take the place of what the file lacks, and its `munmap` takes them along.
                let mended = unsafe { libc::mmap(at, end - begin, libc::PROT_READ, flags, -1, 0) };
                return mended != libc::MAP_FAILED;
            }
            slot = this.next.get().map(Box::as_ref);
        }
        false
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::error::Error;
    use std::fs::File;
    use std::io::Write as _;

    use super::Map;

    #[test]
    fn what_was_cut_off_reads_as_zeros_and_tears_its_map_alone() -> Result<(), Box<dyn Error>> {
        let maps: Vec<(File, Map)> = (0..20)
            .map(|_| {
                let mut file = tempfile::tempfile()?;
                file.write_all(&vec![7; 1 << 20])?;
                let map = Map::of(&file)?;
                Ok((file, map))
            })
            .collect::<std::io::Result<_>>()?;
        let (cut, torn) = &maps[11];
        cut.set_len(100_000)?;
        assert!(!torn.is_torn(), "nobody has read it");
        let zeros = std::thread::scope(|scope| {
            let counts: Vec<_> =
                (0..4).map(|_| scope.spawn(|| torn.iter().filter(|byte| **byte == 0).count())).collect();
            counts.into_iter().map(|count| count.join().unwrap_or(0)).collect::<Vec<_>>()
        });
        assert_eq!(zeros, [(1 << 20) - 100_000; 4]);
        let torn: Vec<usize> = maps.iter().enumerate().filter(|(_, (_, map))| map.is_torn()).map(|(n, _)| n).collect();
        assert_eq!(torn, [11]);
        Ok(())
    }

    /// A slot that was used for a map that was torn is as new.
    #[test]
    fn a_map_in_the_place_of_a_torn_one_is_whole() -> Result<(), Box<dyn Error>> {
        for _ in 0..50 {
            let mut file = tempfile::tempfile()?;
            file.write_all(&[7; 10_000])?;
            let map = Map::of(&file)?;
            assert!(map.iter().all(|byte| *byte == 7) && !map.is_torn());
            file.set_len(0)?;
            assert_eq!(map.last(), Some(&0));
            assert!(map.is_torn());
        }
        Ok(())
    }
}
